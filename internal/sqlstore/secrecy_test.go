package sqlstore

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"folioscope/internal/access"
	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/notify"
	"folioscope/internal/pgtest"
	"folioscope/internal/seal"
)

// planted are personal strings, each long enough that no bytes hold it by chance.
var planted = []string{
	"anna.planted@secret.example", "Anna Plantedname", "$argon2id$plantedhash", "Planted Portfolio", "Planted Account", "Planted note of a purchase",
	"planted-snapshot-payload", "planted-answer-payload", "Planted New Name", "planted-key-of-a-request", "987654.321987", "inviteeplanted@secret.example",
	"Invitee Plantedname", "Planted Corrected Note", "Planted Void Note", "Planted Renamed Account", "Planted Renamed Portfolio", "123123.456456", "$argon2id$acceptedplanted", "Planted Seeded Note",
	"Planted Own Name", "PLANTEDSYMBOL", "Planted Own Group", "Planted Own Sector", "Planted Own Note", "424242.131313", "575757.242424", "Planted Own Renamed",
	plantedIgnored, plantedAccepted,
	plantedDevice, plantedPlace, plantedPending, plantedSeed, plantedToken, plantedPasskey, plantedPasskeyID, plantedPasskeyKey, plantedPasskeyAnew, plantedOffer, plantedHousehold,
	plantedTarget, plantedSecret, plantedNotice, plantedZone,
	plantedRule, plantedRuleAnew, plantedThreshold, plantedCondition, plantedFired, plantedOnce,
}

// The names of proposals say what somebody holds.
const plantedIgnored, plantedAccepted = "planted-proposal-ignored", "planted-proposal-accepted"

// Whom they share with is theirs alone.
const plantedOffer, plantedHousehold = "offered@planted.example", "Planted Household"

// Where and of what they are told is theirs alone.
const (
	plantedTarget, plantedSecret = "https://channel.planted.example/path", "planted-webhook-secret"
	plantedNotice, plantedZone   = "Planted Subject of a notice", "Antarctica/Troll"
)

// What they want to be told of says what they watch, and where they would act.
const (
	plantedRule, plantedRuleAnew = "Planted Rule Name", "Planted Rule Anew"
	plantedThreshold             = "818181.292929"
	plantedCondition             = `holding("PLANTED").weight > 0.2`
	plantedFired, plantedOnce    = "Planted Subject of a firing", "planted-occurrence:US0378331005"
)

// How somebody signs in is theirs too.
const (
	plantedDevice, plantedPlace, plantedToken = "Planted Device", "Planted Place", "Planted Token Name"
	plantedSeed, plantedPending               = "planted-seed-in-use-now", "planted-seed-of-twenty"
	plantedPasskey, plantedPasskeyAnew        = "Planted Passkey Name", "Planted Passkey Anew"
	plantedPasskeyID, plantedPasskeyKey       = "planted-passkey-id", "planted-passkey-key"
)

// plant puts every one of them in by the store's methods.
func (b *bench) plant() {
	ctx := b.t.Context()
	b.instruments("aapl")
	u := identity.User{ID: "u1", Email: planted[0], Name: planted[1], Role: identity.RoleUser, Status: identity.Active, PasswordHash: planted[2], CreatedAt: testStart}
	b.ok(b.CreateUser(ctx, u, entry("", audit.UserCreated)))
	b.ok(b.CreatePortfolio(ctx, ledger.Portfolio{ID: "p1", Owner: "u1", Name: planted[3], BaseCurrency: "EUR", CreatedAt: testStart}, entry("u1", audit.PortfolioCreated)))
	_, err := b.CreateAccount(ctx, "u1", "p1", ledger.Account{ID: "c1", Name: planted[4], Currency: "EUR"}, entry("u1", audit.AccountCreated))
	b.ok(err)
	a := buy("a1", "2024-05-02", "aapl")
	a.Note, a.Quantity = planted[5], number(planted[10])
	v := buy("a2", "2024-05-02", "aapl")
	v.Note = planted[14]
	w := once("u1", audit.ActivitiesAdded, planted[9], "body", planted[7])
	_, err = b.Append(ctx, "u1", "p1", 1, Change{Added: []ledger.Activity{a, v}, Snapshot: []byte(planted[6]), Accepted: []ledger.Decision{{Proposal: plantedAccepted, Activity: "a1"}}}, w)
	b.ok(err)
	a.Note, a.Price = planted[13], number(planted[17])
	_, err = b.Append(ctx, "u1", "p1", 2, Change{Corrected: []ledger.Activity{a}, Voided: []ledger.ActivityID{"a2"}}, entry("u1", audit.ActivitiesAdded))
	b.ok(err)
	_, err = b.UpdateAccount(ctx, "u1", "p1", ledger.Account{ID: "c1", Name: planted[15]}, entry("u1", audit.AccountChanged))
	b.ok(err)
	_, err = b.UpdatePortfolio(ctx, ledger.Portfolio{ID: "p1", Owner: "u1", Name: planted[16], Sequence: 4}, entry("u1", audit.PortfolioChanged))
	b.ok(err)
	own := ledger.Own{Instrument: market.Instrument{ID: "own-1", Symbol: planted[21], Name: planted[20], Currency: "EUR", Class: market.Property, Sector: planted[23]}, Group: planted[22], Note: planted[24]}
	_, err = b.CreateOwnInstrument(ctx, "u1", "p1", own, with(entry("u1", audit.OwnCreated)))
	b.ok(err)
	own.Instrument.Name = planted[27]
	_, err = b.UpdateOwnInstrument(ctx, "u1", "p1", 6, own, entry("u1", audit.OwnChanged))
	b.ok(err)
	_, err = b.ChangePrices(ctx, "u1", "p1", []ledger.PriceChange{
		{Instrument: "own-1", Set: []market.Bar{priced("2026-02-01", planted[25])}}, {Instrument: "aapl", Set: []market.Bar{priced("2026-02-01", planted[26])}},
	}, ownLatest, with(entry("u1", audit.PricesChanged)))
	b.ok(err)
	guest := identity.User{ID: "u2", Email: planted[11], Name: planted[12], Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
	b.ok(b.CreateInvitation(ctx, guest, identity.Invitation{User: "u2", Hash: identity.TokenHash{1}, ExpiresAt: testStart.AddDate(0, 0, 1)}, entry("u1", audit.UserInvited)))
	_, err = b.AcceptInvitation(ctx, identity.TokenHash{1}, planted[8], planted[18], testStart, entry("", audit.InvitationAccepted))
	b.ok(err)
	b.ok(b.Decide(ctx, "u1", "p1", []ledger.Decision{{Proposal: plantedIgnored}}, entry("u1", audit.ProposalIgnored)))
	session := identity.Session{Owner: "u1", Hash: identity.TokenHash{1}, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart, Origin: identity.Origin{Device: plantedDevice, Place: plantedPlace}}
	b.ok(b.CreateSession(ctx, session, entry("u1", audit.SignIn)))
	b.ok(b.PendSecondFactor(ctx, "u1", []byte(plantedSeed), entry("u1", audit.FactorStarted)))
	b.ok(b.ConfirmSecondFactor(ctx, "u1", identity.ConfirmFactor{Seed: []byte(plantedSeed), Counter: 1, Keep: session.Hash, At: testStart}, entry("u1", audit.FactorConfirmed)))
	b.ok(b.PendSecondFactor(ctx, "u1", []byte(plantedPending), entry("u1", audit.FactorStarted)))
	passkey := identity.Passkey{Owner: "u1", ID: []byte(plantedPasskeyID), PublicKey: []byte(plantedPasskeyKey), Name: plantedPasskey, CreatedAt: testStart}
	b.ok(b.AddPasskey(ctx, identity.AddPasskey{Passkey: passkey, Answered: identity.Answered{EndsAt: testStart}}, entry("u1", audit.PasskeyAdded)))
	b.ok(b.RenamePasskey(ctx, "u1", passkey.ID, plantedPasskeyAnew, entry("u1", audit.PasskeyRenamed)))
	b.ok(b.CreateToken(ctx, identity.Token{Owner: "u1", Hash: identity.TokenHash{2}, Name: plantedToken, Scopes: identity.ScopeRead, CreatedAt: testStart, ExpiresAt: testStart}, entry("u1", audit.TokenCreated)))
	offer := access.Grant{Owner: "u1", Portfolio: "p1", ID: "g1", Level: access.LevelView, Email: plantedOffer, CreatedAt: testStart, OfferedTill: testStart.Add(access.OfferAgeMax)}
	b.ok(b.OfferGrant(ctx, offer, identity.TokenHash{3}, entry("u1", audit.GrantOffered)))
	b.ok(b.FoundHousehold(ctx, access.Household{Founder: "u1", Name: plantedHousehold, CreatedAt: testStart}, "m1", entry("u1", audit.HouseholdFounded)))
	b.queued()
	b.ok(b.CreateChannel(ctx, notify.Channel{Owner: "u1", ID: "c1", Kind: notify.ChannelWebhook, State: notify.ChannelOn, Target: plantedTarget, Secret: plantedSecret, CreatedAt: testStart}, identity.TokenHash{}, testStart, entry("u1", audit.ChannelCreated)))
	b.ok(b.SetNoticeSettings(ctx, "u1", notify.Settings{Zone: plantedZone}, testStart, entry("u1", audit.NoticesSet)))
	b.ok(b.Tell(ctx, notify.Notice{Owner: "u1", Kind: notify.NoticeAlert, At: testStart, Facts: notify.NoticeFacts{Subject: plantedNotice}}))
	rule := aRule("u1", "r1")
	rule.Name, rule.Condition.Threshold = plantedRule, *number(plantedThreshold)
	b.ok(b.CreateRule(ctx, rule, entry("u1", audit.AlertCreated)))
	rule.Name, rule.Condition.Expression = plantedRuleAnew, plantedCondition
	kept, err := b.ReplaceRule(ctx, rule, true, entry("u1", audit.AlertChanged))
	b.ok(err)
	fired := engine.Event{ID: "e1", Event: alert.Event{Kind: alert.EventFired, At: testStart, Subject: plantedFired, Occurrence: plantedOnce}}
	settled, err := b.SettleAlerts(ctx, b.claim("node")[engine.PartitionOf("u1")], "u1", []engine.Settlement{{Rule: "r1", Version: kept.Rule.Version, StandingVersion: kept.StandingVersion, Events: []engine.Event{fired}}})
	b.ok(err)
	if !settled[0] {
		b.t.Fatal("the planted firing is not settled")
	}
	seeded := seedUsers(1, 1)
	seeded[0].Activities[0].Note = planted[19]
	b.ok(b.Seed(ctx, seeded))
}

// TestPlantedStringsAreNowhere reads what lies on the disk, and all that a database administrator can read.
func TestPlantedStringsAreNowhere(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.plant()
		var raw [][]byte
		if b.options.Path != "" {
			raw = b.rawFiles() // with the WAL that is still open
			if len(raw) < 2 {
				t.Fatalf("%d files", len(raw))
			}
			b.reopen() // and after a checkpoint
			raw = append(raw, b.rawFiles()...)
		} else {
			raw = append(raw, b.rawTables())
		}
		for _, secret := range planted {
			for _, form := range []string{secret, strings.ToLower(secret), strings.ToUpper(secret), hex.EncodeToString([]byte(secret))} {
				for _, data := range raw {
					if bytes.Contains(data, []byte(form)) {
						t.Errorf("%q lies open", form)
					}
				}
			}
		}
	})
}

func (b *bench) rawFiles() (raw [][]byte) {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(b.options.Path), "*"))
	b.ok(err)
	for _, name := range found {
		data, err := os.ReadFile(name)
		b.ok(err)
		if bytes.HasPrefix(data, []byte("SQLite format 3")) || bytes.Contains(data, []byte("CREATE TABLE")) {
			b.t.Errorf("%s is not encrypted", name)
		}
		raw = append(raw, data)
	}
	return raw
}

// rawTables is every row of every table as text; columns of bytes are in hexadecimal.
func (b *bench) rawTables() []byte {
	b.t.Helper()
	ctx := b.t.Context()
	conn, err := pgx.Connect(ctx, b.options.URL)
	b.ok(err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	b.ok(err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.ok(err)
	var out bytes.Buffer
	for _, table := range tables {
		rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT t::text FROM %s t`, pgx.Identifier{table}.Sanitize()))
		b.ok(err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		b.ok(err)
		out.WriteString(strings.Join(lines, "\n"))
	}
	if !strings.Contains(out.String(), "portfolio.create") || !strings.Contains(out.String(), `\\x01`) {
		b.t.Error("the tables were not read")
	}
	return out.Bytes()
}

func TestWrongKeyIsRefused(t *testing.T) {
	other, err := newRoot(9, &memoryPlace{})
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		refused := map[string]func(*Options){"another keyring": func(o *Options) { o.Root = other }}
		if b.options.Path != "" {
			refused["another file key"] = func(o *Options) { o.FileKey = other.FileKey() }
			refused["another keyring and its file key"] = func(o *Options) { o.Root, o.FileKey = other, other.FileKey() }
			refused["no file key"] = func(o *Options) { o.FileKey = nil }
			refused["half a file key"] = func(o *Options) { o.FileKey = o.FileKey[:16] }
		}
		for name, change := range refused {
			options := b.options
			change(&options)
			s, err := Open(t.Context(), options)
			if !fault.Is(err, fault.Denied) {
				t.Errorf("%s: %v", name, err)
			}
			if s != nil {
				t.Errorf("%s: a store beside the error", name)
			}
			if err != nil && strings.Contains(err.Error(), hex.EncodeToString(options.FileKey)) && len(options.FileKey) > 0 {
				t.Errorf("%s: the key is in the message", name)
			}
		}
		b.reopen()
		if u, err := b.User(t.Context(), "anna"); err != nil || u.Name != "Name of anna" {
			t.Errorf("after the refusals: %+v, %v", u, err)
		}
	})
}

func TestDatabaseThatIsNotThere(t *testing.T) {
	root := mustRoot(t)
	for name, options := range map[string]Options{
		"no server":       {URL: "postgres://user:secret-password@127.0.0.1:1/none?connect_timeout=1", Root: root},
		"below a file":    {Path: filepath.Join(writeFile(t, "x"), "db"), FileKey: root.FileKey(), Root: root},
		"not a directory": {Path: filepath.Join(writeFile(t, "x"), "a", "db"), FileKey: root.FileKey(), Root: root},
	} {
		_, err := Open(t.Context(), options)
		if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "secret-password") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), Options{URL: "postgres://user:secret-password@host:port/", Root: root}); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret-password") {
		t.Errorf("no URL: %v", err)
	}
	junk := writeFile(t, strings.Repeat("this is no database ", 1000))
	if _, err := Open(t.Context(), Options{Path: junk, FileKey: root.FileKey(), Root: root}); !fault.Is(err, fault.Denied) {
		t.Errorf("a file of something else: %v", err)
	}
	if data, err := os.ReadFile(junk); err != nil || !bytes.HasPrefix(data, []byte("this is no database")) {
		t.Errorf("the other file was changed: %.40q, %v", data, err)
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabaseFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("modes mean something else there")
		return
	}
	root := mustRoot(t)
	b := openBench(t, Options{Path: filepath.Join(t.TempDir(), "data", "folioscope.db"), FileKey: root.FileKey(), Root: root})
	b.user("anna")
	// SQLite makes the files beside it with the system's mask: the directory keeps those.
	for _, name := range []string{b.options.Path, filepath.Dir(b.options.Path)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestKeyringInPostgres(t *testing.T) {
	url := pgtest.Database(t)
	place := KeyringTable{URL: url}
	kek, err := seal.NewKEK(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, fault.NotFound) {
		t.Errorf("open before init: %v", err)
	}
	root, err := seal.Init(t.Context(), kek, place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Init(t.Context(), kek, place); !fault.Is(err, fault.Conflict) {
		t.Errorf("init twice: %v", err)
	}
	again, err := seal.Open(t.Context(), kek, place)
	if err != nil || again.Fingerprint() != root.Fingerprint() {
		t.Fatalf("open: %v", err)
	}
	other, err := seal.NewKEK(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Open(t.Context(), other, place); !fault.Is(err, fault.Denied) {
		t.Errorf("another KEK: %v", err)
	}
	before, err := place.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after := append(bytes.Clone(before), '\n')
	for range 2 { // done twice it does nothing more
		if err := place.Replace(t.Context(), before, after); err != nil {
			t.Error(err)
		}
	}
	if err := place.Replace(t.Context(), before, append(after, '\n')); !fault.Is(err, fault.Conflict) {
		t.Errorf("replaced meanwhile: %v", err)
	}
	if got, err := place.Load(t.Context()); err != nil || !bytes.Equal(got, after) {
		t.Errorf("stored: %q, %v", got, err)
	}
	b := openBench(t, Options{URL: url, Root: again})
	b.user("anna")
	if _, err := b.db.exec(t.Context(), `DELETE FROM keyring`); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, fault.Conflict) {
		t.Errorf("data without its keyring: %v", err)
	}
	if _, err := seal.Init(t.Context(), kek, place); !fault.Is(err, fault.Conflict) {
		t.Errorf("init beside data: %v", err)
	}
}
