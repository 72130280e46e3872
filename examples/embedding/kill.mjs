// What no program would do to its own machine: these show that nobody notices.

export async function killPrimary(machine) {
  const { primary } = await machine.whenProtected();
  process.kill(primary.pid, 'SIGKILL');
  await machine.until(status => status.primary.pid !== primary.pid);
}
