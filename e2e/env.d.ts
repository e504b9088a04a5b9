interface ImportMetaEnv {
  /** Where the real models are served, '' where the folder is absent: tests that need it skip with a sentence. */
  readonly SWITCHYARD_MODELS: string;
}
