import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { registerApp } from './app/pwa';
import { showTheme, subscribe } from './app/settings';
import { watch } from './app/status';
import { startLanguages } from './i18n';
import './styles.css';

showTheme();
subscribe(showTheme);
void startLanguages().then(() => {
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
  watch();
  registerApp();
});
