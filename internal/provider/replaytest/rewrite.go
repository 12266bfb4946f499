package replaytest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// rewrite moves a payload's times so that its newest one is now, and sets the prices of the names given. What it can't
// read stays as it is.
func rewrite(source string, body []byte, now time.Time, prices map[string]string) []byte {
	switch source {
	case "ecb":
		return rewriteECB(body, now, prices)
	case "amfi":
		return rewriteAMFI(body, now, prices)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var top any
	if decoder.Decode(&top) != nil {
		return body
	}
	object, ok := top.(map[string]any)
	if vendor := vendors[source]; vendor != nil {
		vendor(top, now, prices)
	} else if !ok {
		return body
	}
	switch source {
	case "yahoo":
		rewriteYahoo(object, now, prices)
	case "mfapi":
		rewriteMFAPI(object, now, prices)
	case "coingecko":
		rewriteCoinGecko(object, now, prices)
	}
	out, err := json.Marshal(top)
	if err != nil {
		return body
	}
	return out
}

// at walks into nested JSON by keys and, for lists, into the first element.
func at(v any, keys ...string) any {
	for _, key := range keys {
		if list, ok := v.([]any); ok {
			if len(list) == 0 {
				return nil
			}
			v = list[0]
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		if _, nested := list[0].(map[string]any); nested {
			return list[0]
		}
	}
	return v
}

func seconds(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	whole, err := n.Int64()
	if err != nil {
		return 0
	}
	return whole
}

// shift adds seconds to every number of a list.
func shift(v any, by int64) {
	list, _ := v.([]any)
	for i, n := range list {
		if s := seconds(n); s != 0 {
			list[i] = s + by
		}
	}
}

const day = 24 * 60 * 60 // seconds

func rewriteYahoo(object map[string]any, now time.Time, prices map[string]string) {
	if result, ok := at(object, "chart", "result").(map[string]any); ok {
		meta, ok := result["meta"].(map[string]any)
		if !ok || seconds(meta["regularMarketTime"]) == 0 {
			return
		}
		by := now.Unix() - seconds(meta["regularMarketTime"])
		meta["regularMarketTime"] = now.Unix()
		if price := prices[text(meta["symbol"])]; price != "" {
			meta["regularMarketPrice"] = json.Number(price)
		}
		shift(result["timestamp"], by/day*day) // bars keep their time of day
		if regular, ok := at(meta, "currentTradingPeriod", "regular").(map[string]any); ok {
			regular["start"], regular["end"] = seconds(regular["start"])+by/day*day, seconds(regular["end"])+by/day*day
		}
		return
	}
	for name, v := range object { // spark
		series, ok := v.(map[string]any)
		if !ok {
			continue
		}
		times, _ := series["timestamp"].([]any)
		closes, _ := series["close"].([]any)
		for i := len(closes) - 1; i >= 0 && len(times) == len(closes); i-- {
			if closes[i] == nil {
				continue
			}
			if price := prices[name]; price != "" {
				closes[i] = json.Number(price)
			}
			shift(times, now.Unix()-seconds(times[i]))
			break
		}
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// dayOffset is how many days lie between a payload's newest day and the one whose daily value is out by now.
func dayOffset(newest, now time.Time) int {
	const published = 14 * time.Hour // UTC; the latest market time of a daily value, 14:15 in Frankfurt in winter, is before
	return int(now.Add(-published).Unix()/day - newest.Unix()/day)
}

func rewriteMFAPI(object map[string]any, now time.Time, prices map[string]string) {
	const layout = "02-01-2006"
	rows, _ := object["data"].([]any)
	var by int
	for i, v := range rows {
		row, ok := v.(map[string]any)
		if !ok {
			return
		}
		date, err := time.Parse(layout, text(row["date"]))
		if err != nil {
			return
		}
		if i == 0 {
			by = dayOffset(date, now)
			if code, ok := at(object, "meta", "scheme_code").(json.Number); ok && prices[code.String()] != "" {
				row["nav"] = prices[code.String()]
			}
		}
		row["date"] = date.AddDate(0, 0, by).Format(layout)
	}
}

func rewriteCoinGecko(object map[string]any, now time.Time, prices map[string]string) {
	if points, ok := object["prices"].([]any); ok {
		var last []any
		if len(points) > 0 {
			last, _ = points[len(points)-1].([]any)
		}
		if len(last) != 2 {
			return
		}
		by := (now.Unix()*1000 - seconds(last[0])) / (day * 1000) * day * 1000
		for _, p := range points {
			if pair, ok := p.([]any); ok && len(pair) == 2 {
				pair[0] = numberOf(pair[0]) + by
			}
		}
		return
	}
	for id, v := range object {
		coin, ok := v.(map[string]any)
		if !ok || coin["usd"] == nil {
			continue
		}
		coin["last_updated_at"] = now.Unix()
		if price := prices[id]; price != "" {
			coin["usd"] = json.Number(price)
		}
	}
}

// numberOf is a whole number of either form that rewriting leaves behind.
func numberOf(v any) int64 {
	if n, ok := v.(int64); ok {
		return n
	}
	return seconds(v)
}

var (
	cubeDay  = regexp.MustCompile(`time=['"](\d{4}-\d\d-\d\d)['"]`)
	cubeRate = regexp.MustCompile(`currency=(['"])([A-Z]{3})['"] rate=['"][^'"]*['"]`)
)

// rewriteECB moves the newest day to the last one that is out; prices count for that day only.
func rewriteECB(body []byte, now time.Time, prices map[string]string) []byte {
	const layout = "2006-01-02"
	first := cubeDay.FindSubmatch(body)
	if first == nil {
		return body
	}
	newest, err := time.Parse(layout, string(first[1]))
	if err != nil {
		return body
	}
	by := dayOffset(newest, now)
	out := cubeDay.ReplaceAllFunc(body, func(match []byte) []byte {
		date, err := time.Parse(layout, string(cubeDay.FindSubmatch(match)[1]))
		if err != nil {
			return match
		}
		return []byte(`time="` + date.AddDate(0, 0, by).Format(layout) + `"`)
	})
	seen := map[string]bool{}
	return cubeRate.ReplaceAllFunc(out, func(match []byte) []byte {
		currency := string(cubeRate.FindSubmatch(match)[2])
		if prices[currency] == "" || seen[currency] {
			return match
		}
		seen[currency] = true
		return []byte(`currency="` + currency + `" rate="` + prices[currency] + `"`)
	})
}

// rewriteAMFI moves the newest rows' date. Value and date are the last two cells in every layout of the file.
func rewriteAMFI(body []byte, now time.Time, prices map[string]string) []byte {
	const layout = "02-Jan-2006"
	lines := strings.Split(string(body), "\n")
	newest := ""
	var newestDay time.Time
	for _, line := range lines {
		cells := strings.Split(strings.TrimSpace(line), ";")
		if date, err := time.Parse(layout, cells[len(cells)-1]); err == nil && date.After(newestDay) {
			newest, newestDay = cells[len(cells)-1], date
		}
	}
	for i, line := range lines {
		cells := strings.Split(strings.TrimSpace(line), ";")
		if newest == "" || cells[len(cells)-1] != newest {
			continue
		}
		cells[len(cells)-1] = newestDay.AddDate(0, 0, dayOffset(newestDay, now)).Format(layout)
		if price := prices[cells[0]]; price != "" {
			cells[len(cells)-2] = price
		}
		lines[i] = strings.Join(cells, ";") + "\r"
	}
	return []byte(strings.Join(lines, "\n"))
}
