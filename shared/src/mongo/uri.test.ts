import { describe, expect, it } from 'vitest';
import { directUri } from './server-pins.ts';
import { hostsOf } from './uri.ts';

describe('hostsOf', () => {
  it.each([
    ['mongodb://h', 'mongodb://h'],
    ['mongodb://u:p@h:1,h2:2/db?x=1', 'mongodb://h:1,h2:2'],
    ['mongodb+srv://u:p%40q@cluster.example.net/?a=b', 'mongodb+srv://cluster.example.net'],
    ['mongodb://u:p@ss@h/', 'mongodb://h'],
    ['mongodb://[::1]:27017/', 'mongodb://[::1]:27017'],
    ['u:p@h', '(not a MongoDB connection string)'],
  ])('%s shows as %s', (uri, shown) => {
    expect(hostsOf(uri)).toBe(shown);
  });
});

describe('directUri', () => {
  it('keeps credentials and options, and drops what speaks of several hosts', () => {
    expect(
      directUri(
        'mongodb+srv://u:p@c.net/admin?replicaSet=rs&authSource=x&retryWrites=false&srvMaxHosts=2',
        'h:27017',
      ),
    ).toBe('mongodb://u:p@h:27017/admin?retryWrites=false');
    expect(directUri('mongodb://a,b', 'b:27017')).toBe('mongodb://b:27017/');
  });
});
