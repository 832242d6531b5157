import type { Reporter, TestModule } from 'vitest/node';

const SLOWEST = 10;

/** After a run: how long each project's files took, and which took longest. */
export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({
      project: module.project.name,
      path: module.relativeModuleId,
      seconds: secondsOf(module),
      tests: [...module.children.allTests()].length,
    }));
    const projects = Map.groupBy(files, ({ project }) => project);
    for (const [project, all] of projects) {
      const tests = all.reduce((sum, file) => sum + file.tests, 0);
      const seconds = all.reduce((sum, file) => sum + file.seconds, 0);
      console.log(
        `${project}: ${all.length} files, ${tests} tests, ${seconds.toFixed(0)} s one after another`,
      );
    }
    const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
    console.log('slowest files:');
    for (const { path, seconds } of slowest) console.log(`${seconds.toFixed(1).padStart(8)} s  ${path}`);
  }
}

/** With its imports and hooks. */
function secondsOf(module: TestModule): number {
  const { collectDuration, setupDuration, duration, environmentSetupDuration, prepareDuration } =
    module.diagnostic();
  return (collectDuration + setupDuration + duration + environmentSetupDuration + prepareDuration) / 1000;
}
