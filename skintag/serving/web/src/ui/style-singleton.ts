/**
 * In place of the package react-style-singleton, which Radix's dialogs use to stop the page behind from scrolling: it
 * adds a `<style>` element, which the content security policy forbids; a constructed sheet is allowed.
 */
import { useEffect } from 'react';

interface Singleton {
  add: (css: string) => void;
  remove: () => void;
}

export function stylesheetSingleton(): Singleton {
  let users = 0;
  let sheet: CSSStyleSheet | null = null;
  return {
    add(css) {
      if (users++ || !('adoptedStyleSheets' in document)) return;
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    },
    remove() {
      if (--users || !sheet) return;
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
      sheet = null;
    },
  };
}

export function styleHookSingleton(): (styles: string, dynamic?: boolean) => void {
  const sheet = stylesheetSingleton();
  return function useStyle(styles, dynamic) {
    useEffect(() => {
      sheet.add(styles);
      return () => sheet.remove();
      // as the package does it: only dynamic styles are followed
    }, [styles && dynamic]);
  };
}

export function styleSingleton(): (props: { styles: string; dynamic?: boolean }) => null {
  const useStyle = styleHookSingleton();
  return function Sheet({ styles, dynamic }) {
    useStyle(styles, dynamic);
    return null;
  };
}
