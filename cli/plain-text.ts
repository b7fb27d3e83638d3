// Reports are plain ASCII, because mail is. What a policy brings along (its title, names of functions, the path of
// its file) need not be.

/** Letters that do not come apart into a letter and marks. */
const LETTERS: { readonly [letter: string]: string } = {
  ß: 'ss',
  ẞ: 'SS',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  Ð: 'D',
  ħ: 'h',
  Ħ: 'H',
  ı: 'i',
  ł: 'l',
  Ł: 'L',
  þ: 'th',
  Þ: 'Th',
  '\u2018': "'",
  '\u2019': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u2013': '-',
  '\u2014': '-',
};

/** `Jörg Müßig` as `Jorg Mussig`; a question mark for each character that has no letters of ASCII. */
export function asciiOf(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return Array.from(text.normalize('NFKD').replace(/\p{Mark}/gu, ''), (letter) =>
    /[ -~]/.test(letter) ? letter : /\s/.test(letter) ? ' ' : (LETTERS[letter] ?? '?'),
  ).join('');
}

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

/** As a shell reads it; what is not ASCII in the way of bash and zsh: `$'\xc3\xb6'`. */
export function shellWord(path: string): string {
  return (
    path
      .replace(/[^\w@%+=:,./\u0080-\uffff-]/g, '\\$&')
      /* few at a time, so that a line can end between them */
      .replace(/[\u0080-\u{10ffff}]{1,4}/gu, (run) => `$'${[...Buffer.from(run)].map(hex).join('')}'`)
  );
}

/** Each text of a report that is to be printed; the path of a policy's file as a word of a command line. */
export function plainTexts<T>(value: T, key = ''): T {
  if (typeof value === 'string') return (key === 'policyFile' ? shellWord(value) : asciiOf(value)) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => plainTexts(each)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      /* a file of its own, and no report */
      name === 'replay' ? (each as unknown) : plainTexts(each as unknown, name),
    ]),
  ) as T;
}
