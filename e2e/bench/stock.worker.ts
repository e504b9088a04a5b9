postMessage({ kind: 'ready', isolated: crossOriginIsolated });
