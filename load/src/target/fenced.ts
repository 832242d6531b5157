import { WaybillError } from '@waybill/shared/base/errors';

export function fencedError(load: string, epoch: number): WaybillError {
  return new WaybillError(
    'LOAD_FENCED',
    `another process took load ${load} over (this one had epoch ${epoch})`,
    {
      hint: 'Exactly one process may run a load. Stop the other one, or leave this one stopped.',
      context: { load, epoch },
    },
  );
}
