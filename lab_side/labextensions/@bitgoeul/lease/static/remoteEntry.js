/* The container of a prebuilt JupyterLab extension, as a bundler would make it, written by hand: nothing is built.

   JupyterLab loads this file, calls init() with the modules that it shares, and get() for the plugin. The plugin waits until
   the lab stands and only then loads the rest (lease.js, words.js, lease.css), so it holds no lab's start. */
(() => {
  "use strict";
  const NAME = "@bitgoeul/lease";
  const entry = new URL(document.currentScript.src);
  let scope;

  /** The address of a file beside this one, of the same version (the query). */
  const beside = (file) => Object.assign(new URL(file, entry), { search: entry.search }).href;

  /** A module that JupyterLab shares: the version in use, or else the one the lab itself brings. */
  const shared = async (name) => {
    const versions = Object.values(scope[name] ?? {});
    const chosen = versions.find((version) => version.loaded)
      ?? versions.find((version) => version.from.startsWith("@jupyterlab/")) ?? versions[0];
    if (!chosen) throw new Error(`${NAME}: this JupyterLab shares no ${name}`);
    return (await chosen.get())();
  };

  const plugin = async () => {
    const [{ ITranslator }, { IStatusBar }] = await Promise.all(
      ["@jupyterlab/translation", "@jupyterlab/statusbar"].map(shared),
    );
    return {
      id: `${NAME}:plugin`,
      description: "Shows the GPU lease and announces its end.",
      autoStart: true,
      optional: [ITranslator, IStatusBar],
      activate: (app, translator, statusBar) => {
        app.restored
          .then(() => Promise.all([import(beside("lease.js")), import(beside("words.js"))]))
          .then(([{ begin }, { words, status }]) => begin({ app, translator, statusBar, shared, words, status, style: beside("lease.css") }))
          .catch((error) => console.error(`${NAME}:`, error));
      },
    };
  };

  const modules = { "./extension": async () => ({ __esModule: true, default: await plugin() }) };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init: (shareScope) => { scope = shareScope; },
    get: async (module) => {
      if (!(module in modules)) throw new Error(`${NAME} has no module ${module}`);
      const made = await modules[module]();
      return () => made;
    },
  };
})();
