import { chromium, type Browser } from 'playwright';
import { createServer, type InlineConfig } from 'vite';
import { browserFlags, ensureBrowser } from './cli/browser.mjs';
import { root } from './cli/install.mjs';

/** A headless browser with WebGPU on the software adapter. */
export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: await ensureBrowser(), args: browserFlags() });
}

/** A served copy of the project that nobody else talks to. */
export interface Served {
  /** Without a slash at the end: `http://localhost:5173`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the project as `npm start` does, on a free port; `config` is merged over the project's own. */
export async function serve(config: InlineConfig = {}): Promise<Served> {
  const server = await createServer({
    root,
    logLevel: 'error',
    ...config,
    // No reloads and no file watching: both would take time from what is measured.
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null, ...config.server },
  });
  await server.listen();
  const address = server.httpServer?.address();
  if (!address || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}
