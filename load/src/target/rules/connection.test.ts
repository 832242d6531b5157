import { loadDriver } from '@waybill/shared/mongo/driver/driver';
import { parseClient } from '@waybill/shared/mongo/driver/uri';
import { describe, expect, it } from 'vitest';
import { DOCUMENTDB } from '../profiles/documentdb.ts';
import { FIRESTORE } from '../profiles/firestore.ts';
import { GENERIC } from '../profiles/generic.ts';
import { MONGODB } from '../profiles/mongodb.ts';
import { applyRules, assertRulesOfVersion } from './connection.ts';

const HOST = '00000000-1111-4222-8333-444444444444.nam5.firestore.goog:443';
const refusal = (uri: string, profile = FIRESTORE) => {
  try {
    return applyRules(uri, profile);
  } catch (error) {
    return error;
  }
};

/** Section 2.1 of the target reference. */
describe('a connection string of Firestore', () => {
  it('gets the options that it needs, and keeps everything else as it is', () => {
    const forced = 'loadBalanced=true&tls=true&retryWrites=false';
    expect(applyRules(`mongodb://u:p%40s%2Fs@${HOST}/shop`, FIRESTORE)).toBe(
      `mongodb://u:p%40s%2Fs@${HOST}/shop?${forced}`,
    );
    const whole = `mongodb://u:p@${HOST}/(default)?loadBalanced=true&tls=true&retryWrites=false&authMechanism=SCRAM-SHA-256`;
    expect(applyRules(whole, FIRESTORE)).toBe(whole);
    expect(applyRules(`mongodb://u:p@${HOST}/shop?ssl=true`, FIRESTORE)).toBe(
      `mongodb://u:p@${HOST}/shop?ssl=true&loadBalanced=true&retryWrites=false`,
    );
  });

  it.each([
    ['retryWrites', `mongodb://u:p@${HOST}/shop?retryWrites=true`],
    ['loadBalanced', `mongodb://u:p@${HOST}/shop?loadbalanced=false`],
    ['tls', `mongodb://u:p@${HOST}/shop?ssl=false`],
    ['replicaSet', `mongodb://u:p@${HOST}/shop?replicaSet=rs0`],
    ['directConnection', `mongodb://u:p@${HOST}/shop?directConnection=true`],
    ['hosts', `mongodb://u:p@${HOST},${HOST}/shop`],
    ['srv', `mongodb+srv://u:p@a.nam5.firestore.goog/shop`],
    ['database', `mongodb://u:p@${HOST}/`],
    ['user', `mongodb://${HOST}/shop`],
    ['authMechanism', `mongodb://u:p@${HOST}/shop?authMechanism=SCRAM-SHA-1`],
    ['user', `mongodb://${HOST}/shop?authMechanism=SCRAM-SHA-256`],
    ['user', `mongodb://u:p@${HOST}/shop?authMechanism=MONGODB-OIDC`],
    ['authMechanismProperties', `mongodb://${HOST}/shop?authMechanism=MONGODB-OIDC`],
    ['authSource', `mongodb://u:p@${HOST}/shop?authMechanism=PLAIN`],
  ])('says %s wrongly: %s', (option, uri) => {
    expect(refusal(uri)).toMatchObject({ code: 'MONGO_URI_INVALID', context: { option } });
    expect(String(refusal(uri))).not.toContain('u:p');
  });

  it.each([
    'authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:gcp,TOKEN_RESOURCE:FIRESTORE',
    'authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT%3Agcp%2CTOKEN_RESOURCE%3AFIRESTORE',
  ])('logs in without a user: %s', (options) => {
    expect(applyRules(`mongodb://${HOST}/shop?${options}`, FIRESTORE)).toContain('retryWrites=false');
  });

  it('logs in with a token for a password', () => {
    const uri = `mongodb://u:token@${HOST}/shop?authMechanism=PLAIN&authSource=%24external`;
    expect(applyRules(uri, FIRESTORE)).toContain('loadBalanced=true');
  });

  it('is one that the driver takes', async () => {
    const driver = await loadDriver('current');
    const oidc =
      'authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:gcp,TOKEN_RESOURCE:FIRESTORE';
    for (const uri of [
      `mongodb://u:p@${HOST}/shop`,
      `mongodb://u:p@${HOST}/(default)?authMechanism=SCRAM-SHA-256`,
      `mongodb://u:token@${HOST}/shop?authMechanism=PLAIN&authSource=%24external`,
      `mongodb://${HOST}/shop?${oidc}`,
    ]) {
      const { options } = parseClient(driver, applyRules(uri, FIRESTORE), {});
      expect([options.loadBalanced, options.tls, options.retryWrites], uri).toEqual([true, true, false]);
    }
  });

  it('to an emulator on this machine needs neither TLS nor a user', () => {
    expect(applyRules('mongodb://127.0.0.1:8080/shop', FIRESTORE)).toBe(
      'mongodb://127.0.0.1:8080/shop?loadBalanced=true&retryWrites=false',
    );
    expect(applyRules('mongodb://localhost:8080/shop?tls=true', FIRESTORE)).toContain(
      'tls=true&loadBalanced',
    );
  });
});

/** Section 5 of the target reference. */
describe('a connection string of DocumentDB', () => {
  const uri = 'mongodb://u:p@a.docdb.amazonaws.com/?retryWrites=true';
  const server = (...versionArray: number[]) => ({ versionArray });

  it('has no retryable writes before 8.0.2', () => {
    expect(applyRules('mongodb://u:p@a.docdb.amazonaws.com', DOCUMENTDB)).toBe(
      'mongodb://u:p@a.docdb.amazonaws.com/?retryWrites=false',
    );
    expect(applyRules(uri, DOCUMENTDB)).toBe(uri);
    expect(() => assertRulesOfVersion(uri, DOCUMENTDB, server(8, 0, 1))).toThrow(
      expect.objectContaining({
        code: 'MONGO_URI_INVALID',
        context: { role: 'target', option: 'retryWrites' },
      }),
    );
    assertRulesOfVersion(uri, DOCUMENTDB, server(8, 0, 2));
    assertRulesOfVersion('mongodb://a.docdb.amazonaws.com', DOCUMENTDB, server(5, 0, 0));
  });
});

it('leaves connection strings of MongoDB alone', () => {
  const uri = 'mongodb+srv://u:p@cluster0.ab1cd.mongodb.net/?retryWrites=true&w=majority';
  expect(applyRules(uri, MONGODB)).toBe(uri);
  expect(refusal(uri, GENERIC)).toMatchObject({ context: { option: 'retryWrites' } });
});
