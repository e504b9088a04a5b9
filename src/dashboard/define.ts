import { SwitchyardDashboard } from './dashboard.ts';

declare global {
  interface HTMLElementTagNameMap {
    'switchyard-dashboard': SwitchyardDashboard;
  }
}

customElements.define('switchyard-dashboard', SwitchyardDashboard);
