/** What a browser has and Node has not, as far as modules ask for it when they are read. */
const nothing = (): void => undefined;
const storage = { getItem: () => null, setItem: nothing };
Object.assign(globalThis, { localStorage: storage, document: { baseURI: 'http://localhost/' } });
if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: { onLine: true, languages: ['en'] } });
