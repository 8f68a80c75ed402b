import js from '@eslint/js';
import jupyterPlugin from '@jupyter/eslint-plugin';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const shells = {
  group: ['**/lab/*', '**/index', '**/web'],
  message: 'Shells import views, not the other way round.'
};
const jupyter = {
  group: ['@jupyterlab/*', '@jupyter/*'],
  message: 'This also runs on the plain page.'
};
const lumino = { group: ['@lumino/*'], message: 'A view knows React only.' };
const only = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

export default tseslint.config(
  { ignores: ['lib/**', 'node_modules/**', 'nightbook_lab/**', 'src/wire.ts'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  jsxA11y.flatConfigs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }]
    }
  },
  { files: ['src/index.ts', 'src/lab/**'], plugins: { jupyter: jupyterPlugin } },
  { files: ['src/views/**'], rules: only(jupyter, lumino, shells) },
  // @lumino/signaling and @lumino/polling are fine here.
  {
    files: ['src/model/**', 'src/model.ts', 'src/api.ts', 'src/tokens.ts'],
    rules: only(jupyter, shells)
  },
  {
    files: ['*.mjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } }
  }
);
