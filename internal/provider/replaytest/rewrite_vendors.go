package replaytest

import (
	"encoding/json"
	"time"
)

// vendors move the latest prices of the sources that need a key; their histories stay where they are.
var vendors = map[string]func(top any, now time.Time, prices map[string]string){
	"finnhub": rewriteFinnhub, "tiingo": rewriteTiingo, "twelvedata": rewriteTwelveData, "eodhd": rewriteEODHD, "frankfurter": rewriteFrankfurter,
}

// rows are the objects of a list, or the object itself.
func rows(top any) []map[string]any {
	list, ok := top.([]any)
	if !ok {
		list = []any{top}
	}
	var all []map[string]any
	for _, v := range list {
		if row, ok := v.(map[string]any); ok {
			all = append(all, row)
		}
	}
	return all
}

// set puts a price in the place of a number, or of a text that holds one.
func set(row map[string]any, field, price string) {
	switch row[field].(type) {
	case json.Number:
		row[field] = json.Number(price)
	case string:
		row[field] = price
	}
}

func rewriteFinnhub(top any, now time.Time, prices map[string]string) {
	for _, row := range rows(top) {
		if seconds(row["t"]) == 0 {
			continue // an unknown symbol
		}
		row["t"] = now.Unix()
		if price := prices[""]; price != "" {
			set(row, "c", price)
		}
	}
}

func rewriteTiingo(top any, now time.Time, prices map[string]string) {
	moment := now.UTC().Format(time.RFC3339Nano)
	for _, row := range rows(top) {
		books, _ := row["topOfBookData"].([]any)
		for _, r := range append(rows(books), row) {
			for _, field := range []string{"timestamp", "lastSaleTimestamp", "quoteTimestamp"} {
				if text(r[field]) != "" {
					r[field] = moment
				}
			}
			if price := prices[text(row["ticker"])]; price != "" {
				for _, field := range []string{"tngoLast", "last", "lastPrice", "midPrice"} {
					set(r, field, price)
				}
			}
		}
	}
}

func rewriteTwelveData(top any, now time.Time, prices map[string]string) {
	move := func(row map[string]any) {
		for _, field := range []string{"timestamp", "last_quote_at"} {
			if row[field] != nil {
				row[field] = now.Unix()
			}
		}
		if price := prices[text(row["symbol"])]; price != "" {
			set(row, "close", price)
		}
	}
	for _, row := range rows(top) {
		if text(row["symbol"]) != "" {
			move(row)
			continue
		}
		for _, v := range row { // several symbols
			if one, ok := v.(map[string]any); ok && text(one["symbol"]) != "" {
				move(one)
			}
		}
	}
}

func rewriteEODHD(top any, now time.Time, prices map[string]string) {
	for _, row := range rows(top) {
		if seconds(row["timestamp"]) == 0 {
			continue // NA
		}
		row["timestamp"] = now.Unix()
		if price := prices[text(row["code"])]; price != "" {
			set(row, "close", price)
		}
	}
}

func rewriteFrankfurter(top any, now time.Time, prices map[string]string) {
	for _, row := range rows(top) {
		date, err := time.Parse(time.DateOnly, text(row["date"]))
		if err != nil {
			continue
		}
		row["date"] = date.AddDate(0, 0, dayOffset(date, now)).Format(time.DateOnly)
		rates, _ := row["rates"].(map[string]any)
		for name, price := range prices {
			set(rates, name, price)
		}
		if price := prices[text(row["quote"])]; price != "" {
			set(row, "rate", price)
		}
	}
}
