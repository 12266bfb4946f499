package app

import (
	"folioscope/internal/notify"
	"folioscope/internal/telemetry"
)

// newMessenger makes what sends notices by people's channels. Every request goes out by a client that judges where it leads.
func (n *node) newMessenger() (*notify.Messenger, error) {
	key, err := n.store.PushKey()
	if err != nil {
		return nil, err
	}
	made := notify.MessengerOptions{Store: n.store, Client: n.outbound.Messages(), Push: key, Origin: n.settings.PublicURL, Now: n.o.Now, Log: n.o.Log}
	if n.settings.SMTP.Host != "" {
		if made.Mail, err = mailSender(n.settings); err != nil {
			return nil, err
		}
	}
	return notify.NewMessenger(made), nil
}

const metricMessages = "folioscope_message_tries_total"

func messageFamilies() []telemetry.Family {
	return []telemetry.Family{{
		Name: metricMessages, Help: "Tries of this node to send a notice, by kind of channel and how they ended.", Kind: telemetry.Counter, Labels: []string{"channel", "outcome"},
	}}
}

func messageSamples(tries map[notify.MessageTry]uint64) []telemetry.Sample {
	var out []telemetry.Sample
	for try, count := range tries {
		out = append(out, telemetry.Sample{Family: metricMessages, Labels: []string{string(try.Kind), string(try.Outcome)}, Value: float64(count)})
	}
	return out
}
