import { ensureInstalled, root } from './install.mjs';

ensureInstalled();

const { createServer } = await import('vite');
const server = await createServer({
  root,
  clearScreen: false,
  server: { open: !process.env['CI'] && !process.argv.includes('--no-open') },
});
await server.listen();
server.printUrls();

const stop = () => void server.close().finally(() => process.exit(0));
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
