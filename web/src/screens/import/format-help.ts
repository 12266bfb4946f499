/** The columns of our CSV format in words, and a file to begin with. */
export const columns: { name: string; says: string }[] = [
  { name: 'date', says: 'Day as 2026-11-19' },
  {
    name: 'type',
    says: 'buy, sell, dividend, interest, deposit, withdrawal, fee, tax, transfer, deliver_in, deliver_out, split',
  },
  { name: 'account', says: 'Name of the account; may be left out if there is one' },
  { name: 'symbol', says: 'ISIN, or the symbol together with mic' },
  { name: 'mic', says: 'Exchange, for example XETR' },
  { name: 'quantity', says: 'Number of shares, with a point: 12.5' },
  { name: 'price', says: 'Price of one' },
  { name: 'amount', says: 'For dividends, deposits, fees: before tax' },
  { name: 'currency', says: 'Of price, amount, fee and tax' },
  { name: 'fee, tax', says: 'Of a trade; tax withheld of a dividend' },
  { name: 'fx_rate', says: 'Base currency for one of the currency, as booked' },
  { name: 'to_account', says: 'Where a transfer goes' },
  { name: 'ratio', says: 'Of a split, new for old: 2:1' },
  { name: 'note', says: 'Anything' },
];

export const sample = `date,type,symbol,mic,quantity,price,amount,currency,fee
2026-01-05,buy,VWCE,XETR,6,151.08,,EUR,4.90
2026-02-02,dividend,MSFT,XNAS,,,49.80,USD,
2026-03-02,deposit,,,,,1000,EUR,
`;
