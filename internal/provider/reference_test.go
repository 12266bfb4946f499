package provider

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider/replaytest"
)

// reference is a source that is answered with one recorded payload, whatever it asks.
func reference(t *testing.T, source, file string) Provider {
	t.Helper()
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	server, err := replaytest.New(os.DirFS(filepath.Join(dir, "fixtures")), nil, source)
	if err != nil {
		t.Fatal(err)
	}
	server.SetMode(source, replaytest.FileMode+replaytest.Mode(file))
	return open(t, source, options(source, serve(server)))
}

func TestReferenceLatest(t *testing.T) {
	tests := []struct{ source, file, name, want string }{
		{Yahoo, "chart_AAPL_1d_2020-01.json", "AAPL", "AAPL 244.87 USD×1 2025-02-19T21:00"},
		{Yahoo, "chart_AAPL_intraday_null_bars.json", "AAPL", "AAPL 185.92 USD×1 2024-01-15T21:00 before 185.92 on 2024-01-12"},
		{Yahoo, "chart_OCDO.L_GBp_pence.json", "OCDO.L", "OCDO.L 305.3 GBP×0.01 2025-02-20T11:32"},
		{Yahoo, "chart_NPN.JO_ZAc.json", "NPN.JO", "NPN.JO 315250.0 ZAR×0.01 2024-01-15T14:30 before 318300.0"},
		{Yahoo, "chart_TEVA.TA_ILA.json", "TEVA.TA", ""},
		{Yahoo, "chart_EURUSD=X_fx.json", "EURUSD=X", "EURUSD=X 1.0436 USD×1 2025-02-20T11:46"},
		{Yahoo, "error_chart_404_unknown_symbol.json", "ZZZZNOPE", "ZZZZNOPE UNKNOWN_SYMBOL"},
		{Yahoo, "error_chart_400_no_data_in_range.json", "ABNB", "ABNB EMPTY"},
		{Yahoo, "error_chart_422_1m_range.json", "AAPL", "AAPL SCHEMA_DRIFT"},
		{Yahoo, "error_quote_401_invalid_crumb.json", "AAPL", "BLOCKED"},
		{Yahoo, "error_quote_401_no_access.json", "AAPL", "BLOCKED"},
		{Yahoo, "error_429.txt", "AAPL", "RATE_HOUR"},
		{Yahoo, "error_429_edge.txt", "AAPL", "RATE_HOUR"},
		{ECB, "eurofxref-daily.xml", "INR", "INR 109.047 INR×1 2026-04-13T12:15"},
		{ECB, "eurofxref-hist-90d.xml", "USD", ""},
		{ECB, "error_404.xml", "USD", "SCHEMA_DRIFT"},
		{AMFI, "NAVAll_8col_2026-08-24.txt", "118955", "118955 2297.0900 INR×1 2026-08-24T10:00"},
		{AMFI, "NAVAll_6col_2026-08-18.txt", "118955", "118955 2297.0900 INR×1 2026-08-18T10:00"},
		{AMFI, "NAVAll_8col_2026-08-24.txt", "INF200K01T28", "INF200K01T28 179.9022 INR×1 2026-08-14T10:00"},
		{AMFI, "NAVAll_8col_2026-08-24.txt", "141234", "141234 EMPTY"},
		{AMFI, "NAVAll_8col_2026-08-24.txt", "141235", "141235 EMPTY"},
		{AMFI, "error_html_maintenance.html", "118955", "TRANSIENT"},
		{MFAPI, "mf_118955.json", "118955", "118955 2297.09 INR×1 2026-08-27T10:00 before 2289.44 on 2026-08-26"},
		{MFAPI, "mf_122639_latest.json", "122639", "122639 91.0119 INR×1 2026-07-29T10:00"},
		{MFAPI, "mf_unknown_empty.json", "999999", "999999 UNKNOWN_SYMBOL"},
		{MFAPI, "error_404.json", "999999", "999999 UNKNOWN_SYMBOL"},
		{MFAPI, "error_502.html", "118955", "TRANSIENT"},
		{CoinGecko, "simple_price_bitcoin.json", "bitcoin", "bitcoin 76975 USD×1 2026-05-18T08:17"},
		{CoinGecko, "simple_price_partial.json", "dead-coin", "dead-coin EMPTY"},
		{CoinGecko, "simple_price_single.json", "bitcoin", "bitcoin SCHEMA_DRIFT"}, // it has no time
		{CoinGecko, "error_404_coin.json", "bitcoin", "UNKNOWN_SYMBOL"},
		{CoinGecko, "error_400_vs_currency.json", "bitcoin", "UNKNOWN_SYMBOL"},
		{CoinGecko, "error_400_wrong_host.json", "bitcoin", "BAD_KEY"},
		{CoinGecko, "error_401_missing_key.json", "bitcoin", "BAD_KEY"},
		{CoinGecko, "error_401_range_over_365d.json", "bitcoin", "NOT_ENTITLED"},
	}
	for _, test := range tests {
		t.Run(test.source+" "+test.file+" "+test.name, func(t *testing.T) {
			batch, err := reference(t, test.source, test.file).Latest(t.Context(), []string{test.name}, now)
			got := strings.Join(lines(batch), "; ")
			if failed, ok := errors.AsType[*Error](err); ok {
				got = string(failed.Outcome)
			}
			if got != test.want && test.want != "" {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if test.want == "" && len(batch.Quotes) != 1 {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestReferenceHistory(t *testing.T) {
	tests := []struct {
		source, file, name string
		bars               int
		day, want          string
	}{
		{Yahoo, "chart_AAPL_1d_split_dividend_2020H2.json", "AAPL", 49, "2020-08-31", "129.04"},
		{Yahoo, "chart_MSFT_1y_dividends.json", "MSFT", 252, "2021-02-01", "239.65"},
		{Yahoo, "chart_NVDA_1y_split.json", "NVDA", 252, "2021-07-19", "75.119"}, // ÷ 10 by a split after the payload's end
		{Yahoo, "chart_WSU.DE_EUR.json", "WSU.DE", 3, "", ""},
		{Yahoo, "chart_AAPL_1m_closed_day_no_timestamps.json", "AAPL", 0, "", ""},
		{Yahoo, "chart_no_timestamp_but_quotes.fake.json", "AAPL", 0, "", ""},
		{ECB, "eurofxref-hist-90d.xml", "USD", 62, "2026-04-13", "1.1684"},
		{MFAPI, "mf_118955.json", "118955", 4, "2013-01-01", "294.712"},
		{CoinGecko, "market_chart_bitcoin.json", "bitcoin", 0, "", ""}, // five minutes of a day that goes on
	}
	for _, test := range tests {
		t.Run(test.source+" "+test.file, func(t *testing.T) {
			from := market.MustDate("1999-01-01")
			if test.source == ECB {
				from = market.MustDate("2026-03-02") // within the small file
			}
			bars, _, err := reference(t, test.source, test.file).(Historian).History(t.Context(), test.name, from, market.MustDate("2026-12-31"))
			if err != nil {
				t.Fatal(err)
			}
			if len(bars) != test.bars && test.source != ECB {
				t.Errorf("%d bars, want %d", len(bars), test.bars)
			}
			found := test.day == ""
			for _, b := range bars {
				if test.day != "" && b.Date == market.MustDate(test.day) {
					found = true
					if b.Close.String() != test.want {
						t.Errorf("%s: %s, want %s", b.Date, b.Close, test.want)
					}
				}
			}
			if !found {
				t.Errorf("no %s among %d bars", test.day, len(bars))
			}
		})
	}
}

// The full history of the ECB: days on which a currency had ended or was suspended have no rate.
func TestReferenceECBHistory(t *testing.T) {
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	slice, err := os.ReadFile(filepath.Join(dir, "fixtures/ecb/eurofxref-hist-slice.zip"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := unzipCSV(slice)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "sets/fx/eurofxref-hist.csv"))
	if err != nil {
		t.Fatal(err)
	}
	daily, err := os.ReadFile(filepath.Join(dir, "fixtures/ecb/eurofxref.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"slice": text, "whole": whole, "daily": daily} {
		start := time.Now()
		fixes, err := parseECBCSV(text)
		if err != nil {
			t.Fatal(name, err)
		}
		t.Logf("%s: %d days in %v", name, len(fixes), time.Since(start).Round(time.Millisecond))
		for _, fix := range fixes {
			if _, ok := fix.rates["RUB"]; ok && fix.date > market.MustDate("2022-03-01") {
				t.Errorf("%s: RUB on %s", name, fix.date)
			}
			if _, ok := fix.rates["USD"]; !ok {
				t.Errorf("%s: no USD on %s", name, fix.date)
			}
			if name == "daily" && fix.date != market.MustDate("2026-04-13") {
				t.Errorf("daily: %s", fix.date)
			}
		}
	}
}

func TestAMFILayouts(t *testing.T) {
	rows := "\n\nOpen Ended Schemes(Equity)\n \nFirst House Mutual Fund\n"
	for name, text := range map[string]string{
		"six columns":     "Scheme Code;ISIN Div Payout/ ISIN Growth;ISIN Div Reinvestment;Scheme Name;Net Asset Value;Date" + rows + "101001;INF001A01010;-;First;128.4;18-Nov-2026\n",
		"eight columns":   "Scheme Code;ISIN Div Payout/ ISIN Growth;ISIN Div Reinvestment;Scheme Name;Plan;Option;Net Asset Value;Date" + rows + "101001;INF001A01010;-;First;Direct;Growth;128.4;18-Nov-2026\n",
		"history":         "Scheme Code;Scheme Name;ISIN Div Payout/ISIN Growth;ISIN Div Reinvestment;Net Asset Value;Repurchase Price;Sale Price;Date" + rows + "101001;First;INF001A01010;;128.4;;;18-Nov-2026\n",
		"history of 2026": "Scheme Code;Scheme Name;Plan;Option;ISIN Div Payout/ISIN Growth;ISIN Div Reinvestment;Net Asset Value;Date" + rows + "101001;First;Direct;Growth;INF001A01010;;128.4;18-Nov-2026\n",
	} {
		for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
			p := open(t, AMFI, options(AMFI, body(http.StatusOK, "text/plain", text)))
			batch, err := p.Latest(t.Context(), []string{"101001", "INF001A01010"}, now)
			if err != nil {
				t.Fatal(name, err)
			}
			same(t, lines(batch), []string{"101001 128.4 INR×1 2026-11-18T10:00", "INF001A01010 128.4 INR×1 2026-11-18T10:00"})
		}
	}
}
