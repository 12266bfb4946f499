package app

import (
	"fmt"
	"slices"

	"folioscope/internal/config"
	"folioscope/internal/health"
	"folioscope/internal/ingest"
	"folioscope/internal/outbound"
	"folioscope/internal/provider"
)

// source makes the provider of a name.
func source(name string, o provider.Options) (provider.Provider, error) {
	switch name {
	case "alphavantage":
		return provider.NewAlphaVantage(o)
	case "amfi":
		return provider.NewAMFI(o)
	case "coingecko":
		return provider.NewCoinGecko(o)
	case "ecb":
		return provider.NewECB(o)
	case "eodhd":
		return provider.NewEODHD(o)
	case "finnhub":
		return provider.NewFinnhub(o)
	case "frankfurter":
		return provider.NewFrankfurter(o)
	case "fred":
		return provider.NewFRED(o)
	case "http":
		return provider.NewPages(o)
	case "massive":
		return provider.NewMassive(o)
	case "mfapi":
		return provider.NewMFAPI(o)
	case "tiingo":
		return provider.NewTiingo(o)
	case "twelvedata":
		return provider.NewTwelveData(o)
	case "yahoo":
		return provider.NewYahoo(o)
	default:
		return nil, fmt.Errorf("no provider is called %q", name)
	}
}

// chains builds the providers that are switched on and puts them in their chains' order. A provider in two chains is one, so
// that its budget of requests is one too. Clocks looks at the dates of their answers.
func chains(settings config.Config, out *outbound.Outbound, clocks *health.SourceClocks) (map[string][]provider.Provider, error) {
	built := map[string]provider.Provider{}
	all := map[string][]provider.Provider{}
	for chain, names := range map[string][]string{
		ingest.ChainStock: settings.Chain.Stock, ingest.ChainFund: settings.Chain.Fund,
		ingest.ChainFX: settings.Chain.FX, ingest.ChainCrypto: settings.Chain.Crypto,
	} {
		for _, name := range settings.Enabled(names) {
			if built[name] == nil {
				of := settings.Providers[name]
				client := clocks.Watch(name, out.Operator(of.BaseURL))
				if name == provider.HTTP { // whose addresses are users'
					client = out.Public()
				}
				made, err := source(name, provider.Options{BaseURL: of.BaseURL, Key: of.Key.Reveal(), HTTP: client, RequestsPerMinute: of.RequestsPerMinute})
				if err != nil {
					return nil, fmt.Errorf("provider %s: %w", name, err)
				}
				built[name] = made
			}
			all[chain] = append(all[chain], built[name])
		}
	}
	return all, nil
}

// directory is the source of identifiers, nil where it is switched off. A demo asks none.
func directory(settings config.Config, out *outbound.Outbound, simulated bool) (ingest.Directory, error) {
	of := settings.Providers[provider.OpenFIGI]
	if !of.Enabled || simulated {
		return nil, nil
	}
	made, err := provider.NewOpenFIGI(provider.Options{BaseURL: of.BaseURL, Key: of.Key.Reveal(), HTTP: out.Operator(of.BaseURL), RequestsPerMinute: of.RequestsPerMinute})
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", provider.OpenFIGI, err)
	}
	return made, nil
}

// limits are how often the operator allows each provider to be asked.
func limits(settings config.Config) map[string]ingest.Limits {
	all := map[string]ingest.Limits{}
	for name, p := range settings.Providers {
		all[name] = ingest.Limits{
			ingest.Minute: p.RequestsPerMinute, ingest.Hour: p.RequestsPerHour, ingest.Day: p.RequestsPerDay, ingest.Month: p.RequestsPerMonth,
		}
	}
	return all
}

// sourceSettings are what the operator set for each provider, for whoever looks after them. A demo asks none.
func sourceSettings(settings config.Config, simulated bool) []ingest.Setting {
	if simulated {
		return nil
	}
	var all []ingest.Setting
	for _, name := range config.ProviderNames() {
		p := settings.Providers[name]
		inChain := slices.ContainsFunc([][]string{settings.Chain.Stock, settings.Chain.Fund, settings.Chain.FX, settings.Chain.Crypto}, func(chain []string) bool {
			return slices.Contains(chain, name)
		})
		needs, has := config.NeedsKey(name), p.Key.Reveal() != ""
		all = append(all, ingest.Setting{Name: name, Enabled: p.Enabled && (inChain || name == provider.OpenFIGI) && (has || !needs), NeedsKey: needs, HasKey: has})
	}
	return all
}
