/**
 * What the options say about a service that is reached by HTTP; the same for S3 and Google Cloud
 * Storage.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { getCACertificates } from 'node:tls';
import { WaybillError } from '../base/errors.ts';

/** @throws CONFIG_INVALID, and never repeats what was given: people put passwords there */
export function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (!url || !isHttp || url.search !== '' || url.hash !== '') throw invalid('it is not an http(s) URL');
  if (url.username !== '' || url.password !== '')
    throw invalid('credentials do not belong there, but where the SDK looks for them');
  return url;
}

function invalid(fault: string): WaybillError {
  return new WaybillError('CONFIG_INVALID', `--bucket-endpoint cannot be used: ${fault}`, {
    hint: 'For example: --bucket-endpoint https://minio.example:9000',
  });
}

/** Whether names below the host can resolve; where not, a bucket's name must go into the path. */
export function hasSubdomains(endpoint: URL): boolean {
  const host = endpoint.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 && host.includes('.') && !host.endsWith('.localhost');
}

/** The authorities that Node trusts by default and those of the file. @throws CONFIG_UNREADABLE */
export function trustedAuthorities(caFile: string): string[] {
  let pem: string;
  try {
    pem = readFileSync(caFile, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unreadable(`the file ${caFile} cannot be read (${reason})`);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw unreadable(`${caFile} holds no certificate in PEM`);
  return [...getCACertificates('default'), pem];
}

function unreadable(fault: string): WaybillError {
  return new WaybillError('CONFIG_UNREADABLE', `--bucket-ca-file: ${fault}`, {
    hint: 'Give a PEM file that this user may read.',
  });
}
