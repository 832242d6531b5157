import { WaybillError } from '../../base/errors.ts';
import { keyInvalid, shownKey } from '../key.ts';

export type FolderAction = 'write' | 'read' | 'list' | 'delete';

export function errno(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/**
 * No object under the key: nothing there, a folder there, or a file where the path wants a folder.
 */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errno(error) ?? '');
}

const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);
const FULL = new Set(['ENOSPC', 'EDQUOT']);
const PASSING = new Set([
  ...['EIO', 'EAGAIN', 'EBUSY', 'EINTR', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE', 'ETIMEDOUT', 'EREMOTEIO'],
  ...['ECONNRESET', 'ECONNABORTED', 'EHOSTDOWN', 'EHOSTUNREACH', 'ENETDOWN', 'ENETUNREACH', 'ENOTCONN'],
]);
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/** Every failure of the filesystem as the bucket's contract names it. Ours pass through. */
export function folderError(error: unknown, action: FolderAction, key: string, folder: string): unknown {
  const code = errno(error);
  if (error instanceof WaybillError || code === undefined || (error as Error).name === 'AbortError')
    return error;
  const context = { key, folder, errno: code };
  const what = `${action} ${shownKey(key)}`;
  if (DENIED.has(code)) {
    return new WaybillError(
      'BUCKET_ACCESS_DENIED',
      `the folder ${folder} does not allow to ${what} (${code})`,
      {
        hint: `Give the user that runs this the right to ${action} there, or choose another --bucket.`,
        context,
        cause: error,
      },
    );
  }
  if (code === 'ENAMETOOLONG') return keyInvalid(key, 'the filesystem finds it too long', error);
  if (action === 'write' && (code === 'ENOTDIR' || code === 'EISDIR' || code === 'EEXIST')) {
    return keyInvalid(
      key,
      'a file stands where a folder is needed, or a folder where the file should be',
      error,
    );
  }
  return new WaybillError('BUCKET_UNAVAILABLE', `the folder ${folder} failed to ${what} (${code})`, {
    hint: FULL.has(code)
      ? 'The disk or quota is full: free some space, then run the same command again.'
      : 'Check the disk or the mount, then run the same command again.',
    // Waiting does not make a path that cannot be made.
    kind: FULL.has(code) || PASSING.has(code) ? 'transient' : 'failed',
    context,
    cause: error,
  });
}

/**
 * The hard link is what makes put-if-absent exact; a filesystem without it is refused, not worked
 * around.
 */
export function linkError(error: unknown, key: string, folder: string): unknown {
  const code = errno(error) ?? '';
  if (NO_LINKS.has(code)) {
    return new WaybillError(
      'BUCKET_ACCESS_DENIED',
      `the filesystem under ${folder} refuses hard links (${code}), so two writers could not be told apart`,
      {
        hint: 'Put the bucket on a filesystem with hard links (ext4, xfs, btrfs, APFS, NFS), not FAT or a cloud drive.',
        context: { key, folder, errno: code },
        cause: error,
      },
    );
  }
  if (code === 'EXDEV') {
    return new WaybillError(
      'BUCKET_ACCESS_DENIED',
      `the folder ${folder} spans more than one filesystem at ${shownKey(key)}`,
      {
        hint: 'Keep the whole bucket on one filesystem.',
        context: { key, folder, errno: code },
        cause: error,
      },
    );
  }
  return folderError(error, 'write', key, folder);
}
