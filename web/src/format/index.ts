export * from './date';
export * as decimal from './decimal';
export { locale, setLocale, wordLocale } from './locale';
export * from './money';
export * from './number';
export { readDecimal, writeDecimal } from './input';
