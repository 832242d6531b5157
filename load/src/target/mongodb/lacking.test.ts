import { classifyMongoError } from '@waybill/shared/mongo/driver/classify';
import { SERVER_CODES, type ServerCodeName } from '@waybill/shared/mongo/driver/server-codes';
import { expect, it } from 'vitest';
import { lackingAbility } from './lacking.ts';

const said = (name: ServerCodeName, message: string): Error => {
  const error = Object.assign(new Error(message), { name: 'MongoServerError', code: SERVER_CODES[name] });
  return classifyMongoError(error, { url: 'there', role: 'target' });
};

it.each([
  ["BSON field 'insert.comment' is an unknown field.", 'takesComments'],
  ['insert: field "bypassDocumentValidation" is not implemented', 'bypassesValidation'],
  ["Field 'maxTimeMS' is currently not supported", 'takesTimeLimits'],
  ["BSON field 'insert.comments' is an unknown field.", null],
  ['no such command', null],
])('finds what the target lacks by its words: %s', (message, ability) => {
  expect(lackingAbility(said('IDLUnknownField', message))).toBe(ability);
});

it('guesses nothing from other errors', () => {
  expect(lackingAbility(said('DocumentValidationFailure', 'comment'))).toBeNull();
  expect(lackingAbility(new Error('comment'))).toBeNull();
});
