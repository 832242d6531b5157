import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { riskOf, type WriteConcern } from '../../settings/write-concern.ts';
import type { LearntFact } from '../learnt.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { DecidedBy, Decision } from '../rules/decisions.ts';
import type { TargetLimits } from '../rules/limits.ts';

export interface Settled {
  readonly profile: TargetProfile;
  readonly kindBy: DecidedBy;
  readonly limits: TargetLimits;
  readonly maxWriteMs: number;
  readonly refusesLateWrites: boolean;
  readonly abilities: readonly Decision[];
  readonly learnt: readonly LearntFact[];
  readonly writeConcern: WriteConcern;
}

/** What was settled about a target, the most general first. */
export function decisionsOf(settled: Settled, server: ServerInfo): readonly Decision[] {
  const { profile, kindBy, limits, maxWriteMs, refusesLateWrites, abilities, learnt } = settled;
  const { statements, commandBytes } = profile.limits;
  const decision = (name: string, value: Decision['value'], by: DecidedBy): Decision => ({
    name,
    value,
    by,
    note: null,
  });
  const limit = (name: string, value: number, known: number | null, said: number): Decision =>
    decision(name, value, known !== null && known <= said ? 'profile' : 'server');
  const risk = riskOf(settled.writeConcern);
  const known: readonly Decision[] = [
    decision('kind', profile.kind, kindBy),
    decision('version', server.version, 'server'),
    decision('topology', server.topology, 'server'),
    limit('statementsInCommand', limits.batchStatements, statements, server.maxWriteBatchSize),
    limit('bytesInCommand', limits.batchBytes, commandBytes, server.maxMessageSizeBytes),
    {
      ...decision('writeConcern', settled.writeConcern, risk === null ? 'default' : 'option'),
      note: risk,
    },
    decision('writeMs', maxWriteMs, profile.limits.writeMs === null ? 'default' : 'profile'),
    decision(
      'refusesLateWrites',
      refusesLateWrites,
      profile.abilities.refusesLateWrites === 'probe' ? 'probe' : 'profile',
    ),
    ...abilities,
  ];
  const facts = new Map(learnt.map((fact) => [fact.what, fact]));
  const settledAnew = known.map((each): Decision => {
    const fact = facts.get(each.name);
    facts.delete(each.name);
    return fact ? learntDecision(fact) : each;
  });
  return [...settledAnew, ...[...facts.values()].map(learntDecision)];
}

function learntDecision({ what, value, reason }: LearntFact): Decision {
  return { name: what, value, by: 'learnt', note: reason };
}
