// First: what comes after takes the methods as it finds them.
import './counted-gpu.ts';
import './stock.worker.ts';
