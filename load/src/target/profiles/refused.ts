/** Kinds of servers that no load writes to, since nobody has looked into what they would do. */
import type { Recognition } from '../rules/recognition.ts';

export interface RefusedKind {
  readonly title: string;
  readonly recognition: Recognition;
  readonly reason: string;
}

export const REFUSED: readonly RefusedKind[] = [
  {
    title: 'Azure Cosmos DB for MongoDB (RU)',
    recognition: {
      fields: ['buildInfo._t'],
      hosts: [/\.mongo\.cosmos\.azure\.com$/],
      command: null,
      isGenuine: false,
    },
    reason: 'it throttles by request units and holds documents of 2 MB by default',
  },
];
