/** The translator of the shell, given to views by a context; English where no shell gives one. */
import * as React from 'react';

import { ENGLISH, type Words } from '../../tokens';

export const WordsContext = React.createContext<Words>(ENGLISH);

export function useWords(): Words {
  return React.useContext(WordsContext);
}
