package app

import (
	"context"
	"crypto/rand"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/notify"
	"folioscope/internal/sqlstore"
	"folioscope/internal/telemetry"
)

// newMail makes what sends mail, and the tables that changes put the jobs of mails and messages into. Without a mail server it sends no mail.
func newMail(ctx context.Context, settings config.Config, store *sqlstore.Store, o Options) (*notify.Service, error) {
	made := notify.Options{Store: store, Origin: settings.PublicURL, Now: o.Now, Log: o.Log}
	database, err := store.JobsDB()
	if err != nil {
		return nil, err
	}
	if err := jobs.Prepare(ctx, jobs.Database(database)); err != nil {
		return nil, err
	}
	if settings.SMTP.Host == "" {
		return notify.New(made), nil
	}
	sender, err := mailSender(settings)
	if err != nil {
		return nil, err
	}
	made.Sender = sender
	return notify.New(made), nil
}

func mailSender(settings config.Config) (*notify.SMTP, error) {
	m := settings.SMTP
	return notify.NewSMTP(notify.Server{
		Host: m.Host, Port: m.Port, Username: m.Username, Password: m.Password.Reveal(), From: m.From, Protection: notify.Protection(m.Protection()),
	})
}

// SendTestMail sends one mail at once and gives what the mail server said to it. It needs no store.
func SendTestMail(ctx context.Context, settings config.Config, o Options, address string) (said string, err error) {
	const testWaitMax = 30 * time.Second // an operator waits for it
	if settings.SMTP.Host == "" {
		return "", fault.At("smtp.host", "is not set: this server sends no mail")
	}
	if address, err = identity.NormalEmail(address); err != nil {
		return "", err
	}
	sender, err := mailSender(settings)
	if err != nil {
		return "", err
	}
	id, err := identity.NewID(rand.Reader)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, testWaitMax)
	defer cancel()
	return sender.Send(ctx, notify.Compose(audit.Mail{Kind: audit.MailTest, Address: address}, id, settings.PublicURL, o.Now()))
}

const metricMail = "folioscope_mail_tries_total"

func mailFamilies() []telemetry.Family {
	return []telemetry.Family{{Name: metricMail, Help: "Tries of this node to send a mail, by how they ended.", Kind: telemetry.Counter, Labels: []string{"outcome"}}}
}

func mailSamples(tries map[notify.Outcome]uint64) []telemetry.Sample {
	var out []telemetry.Sample
	for outcome, count := range tries {
		out = append(out, telemetry.Sample{Family: metricMail, Labels: []string{string(outcome)}, Value: float64(count)})
	}
	return out
}
