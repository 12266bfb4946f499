// Stand-ins for the providers of prices, as internal/provider/replaytest plays them: recorded payloads as of now, in a process
// of their own, steered from here.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reference, root, temporaryDir } from './harness.mjs';

const providers = ['yahoo', 'ecb', 'amfi', 'mfapi', 'coingecko', 'frankfurter', 'fred', 'finnhub', 'tiingo'];

/** Keys that no log and no page may tell; a source that needs one is asked only with it. */
export const keyCanary = 'CANARYKEY-which-nobody-may-see';

/** A share of the United States that Finnhub's, Tiingo's and Yahoo's payloads of this repository have. */
export const share = 'FRST';

/** AMFI's code of a fund that AMFI's and MFapi's payloads both have. */
export const scheme = reference ? '118955' : '101001';

/**
 * Starts the stand-ins, with the payloads of the reference data where there are some and they are wanted, else with those of this
 * repository.
 * Each provider lies below its name: the base URL of Yahoo is `${url}/yahoo`.
 */
export async function startStandin(t, { recorded = true } = {}) {
  const program = join(await temporaryDir(t), process.platform === 'win32' ? 'standin.exe' : 'standin');
  await promisify(execFile)('go', ['build', '-o', program, './internal/provider/replaytest/standin'], { cwd: root });
  const child = spawn(program, reference && recorded ? ['-payloads', join(reference, 'fixtures')] : [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((done) => child.on('exit', done));
  t.after(async () => {
    child.kill();
    await exited;
  });
  const url = await new Promise((done, failed) => {
    exited.then((code) => failed(new Error(`the stand-ins ended at their start: exit ${code}`)));
    child.stdout.once('data', (line) => done(String(line).trim()));
  });
  const steer = async (provider, settings) => {
    const answer = await fetch(`${url}/_replay/${provider}?${new URLSearchParams(settings)}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`steering ${provider}: status ${answer.status}`);
  };
  return {
    url,
    /** Sets what a provider says from now on, by its own name of the instrument: "AAPL", "bitcoin", "118955", "USD" at the ECB. */
    setPrice: (provider, name, price) => steer(provider, { name, price: String(price) }),
    /** Makes a provider's newest price that old from now on: "23h59m50s". */
    setAge: (provider, age) => steer(provider, { age }),
    /** Switches a provider: ok, 500, 429, hang, cut, huge, html. */
    setMode: (provider, mode) => steer(provider, { mode }),
    /** Switches all of them. */
    setModes: (mode) => Promise.all(providers.map((provider) => steer(provider, { mode }))),
    /** Environment with which the sources that need a key are asked too. */
    keys: Object.fromEntries(['FINNHUB', 'TIINGO'].map((name) => [`FOLIOSCOPE_PROVIDERS_${name}_KEY`, `${keyCanary}-${name}`])),
    /** Environment with which the binary asks here and nowhere else. */
    environment: Object.fromEntries(
      providers.flatMap((name) => {
        const key = `FOLIOSCOPE_PROVIDERS_${name.toUpperCase()}`;
        return [
          [`${key}_BASE_URL`, `${url}/${name}`],
          [`${key}_ENABLED`, 'true'],
          [`${key}_REQUESTS_PER_MINUTE`, '6000'],
          [`${key}_REQUESTS_PER_HOUR`, '1000000'],
          [`${key}_REQUESTS_PER_DAY`, '1000000'],
        ];
      }),
    ),
  };
}
