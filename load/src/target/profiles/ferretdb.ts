import { BsonType } from '@waybill/shared/bson/raw';
import { ANY_DOCUMENT } from '../rules/documents.ts';
import { GENERIC } from './generic.ts';
import type { TargetProfile } from './profile.ts';

/** FerretDB: a proxy before PostgreSQL, and before SQLite in version 1. It has no transactions. */
export const FERRETDB: TargetProfile = {
  ...GENERIC,
  kind: 'ferretdb',
  title: 'FerretDB',
  recognition: {
    fields: ['buildInfo.ferretdb', 'buildInfo.ferretdbVersion'],
    hosts: [],
    command: null,
    isGenuine: false,
  },
  // How long a write may run is not known: the load's own limit is taken for it.
  limits: {
    ...GENERIC.limits,
    statements: 500,
    writeMs: null,
    // Version 1 with SQLite keeps a connection for each update until its command ends, and has a
    // hundred. When all are taken, it hangs for ever. So: what six workers may send at once.
    older: { field: 'buildInfo.ferretdbVersion', statements: 15 },
  },
  abilities: { ...GENERIC.abilities, buildsIndexesTogether: true },
  documents: {
    ...ANY_DOCUMENT,
    // The page on known differences of version 1.
    older: {
      field: 'buildInfo.ferretdbVersion',
      rules: {
        names: { refusesDot: true, refusesDollar: true, refusesInvalidUtf8: true },
        // It stores another text, and says nothing.
        refusesInvalidText: true,
        refusesNestedArrays: true,
        refusesSpecialDoubles: true,
        // It closes the connection that such a value comes through, and says nothing.
        refusedTypes: [
          BsonType.decimal128,
          BsonType.minKey,
          BsonType.maxKey,
          BsonType.symbol,
          BsonType.code,
          BsonType.codeWithScope,
          BsonType.dbPointer,
          BsonType.undefined,
        ],
      },
    },
  },
  // The same page of version 1.
  canonical: { ...GENERIC.canonical, negativeZero: true },
};
