import type { TargetPlan } from '@waybill/load/run/load-deps';
import { printableData } from '@waybill/shared/base/printable';
import { paintFor } from '../output/style.ts';
import { renderTargetPlan } from '../output/target-plan.ts';
import type { CommandContext } from './command.ts';

/** Shows what a load settled about its target beside its log, and keeps it for the summary. */
export class ShownPlan {
  readonly #context: CommandContext;
  plan: TargetPlan | null = null;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  readonly show = (plan: TargetPlan): void => {
    this.plan = plan;
    const { options, logger, output } = this.#context;
    if (options.logFormat === 'json') {
      logger.child({ component: 'load' }).info('the target, and how the load goes about it', {
        target: plan.title,
        decisions: Object.fromEntries(plan.decisions.map(({ name, value }) => [name, value])),
      });
      return;
    }
    if (options.logLevel === 'silent') return;
    const text = renderTargetPlan(
      printableData(plan),
      paintFor(output.terminal.stream),
      options.logLevel === 'debug',
    );
    output.terminal.write(`${text}\n`);
  };
}
