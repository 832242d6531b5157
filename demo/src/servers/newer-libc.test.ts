import { describe, expect, it } from 'vitest';
import { parseAptSources } from './newer-libc.ts';

describe('parseAptSources', () => {
  it('finds the stanza of the release itself, not of its updates', () => {
    const text = [
      'Types: deb',
      '# a comment',
      'URIs: http://archive.test/debian-security',
      'Suites: bookworm-security',
      'Components: main',
      '',
      'Types: deb',
      'URIs: http://archive.test/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main contrib',
      'Signed-By: /usr/share/keyrings/archive.gpg',
    ].join('\n');
    expect(parseAptSources(text, 'bookworm')).toEqual({
      uri: 'http://archive.test/debian',
      signedBy: '/usr/share/keyrings/archive.gpg',
    });
  });

  it('reads one-line sources, with and without options', () => {
    const signed = '# x\ndeb [arch=amd64 signed-by=/k.gpg] https://archive.test/debian bookworm main';
    expect(parseAptSources(signed, 'bookworm')).toEqual({
      uri: 'https://archive.test/debian',
      signedBy: '/k.gpg',
    });
    const plain = 'deb https://archive.test/debian bookworm contrib main';
    expect(parseAptSources(plain, 'bookworm')).toEqual({
      uri: 'https://archive.test/debian',
      signedBy: undefined,
    });
  });

  it.each([
    'deb https://archive.test/apt stable main',
    'deb-src https://archive.test/debian bookworm main',
    '',
  ])('passes over %j', (text) => {
    expect(parseAptSources(text, 'bookworm')).toBeUndefined();
  });
});
