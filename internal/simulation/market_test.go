package simulation

import (
	"folioscope/internal/market"
)

// stocks are what people hold. All is in one currency: what rates do to figures is for conformance.
func stocks() []market.Instrument {
	stock := func(id market.InstrumentID, mic string, class market.Class) market.Instrument {
		return market.Instrument{ID: id, Symbol: string(id), MIC: mic, Name: string(id), Currency: "USD", Class: class,
			Names: map[string]string{sourceFirst: string(id), sourceSecond: string(id)}}
	}
	return []market.Instrument{
		stock("alpha", "XNYS", market.Stock), stock("beta", "XNYS", market.ETF), stock("gamma", "XTKS", market.Stock),
		stock("delta", "XETR", market.Stock), stock("coin", "", market.Crypto),
	}
}

// instruments are all that there are.
func instruments() []market.Instrument { return stocks() }

// The sources, the first choice first.
const (
	sourceFirst  = "first"
	sourceSecond = "second"
)
