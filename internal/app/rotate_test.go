//go:build unix

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/pgtest"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
)

// onEachDatabase gives a test the settings of an installation with one person in it, on either database.
func onEachDatabase(t *testing.T, test func(t *testing.T, settings config.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		settings := settingsIn(t.TempDir())
		newPlace(t, settings)
		test(t, settings)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		settings := settingsIn(t.TempDir())
		settings.Database.URL = config.Secret(pgtest.Database(t))
		newPlace(t, settings)
		test(t, settings)
	})
}

func keyStatus(t *testing.T, settings config.Config) KeyStatus {
	t.Helper()
	status, err := StatusOfKeys(t.Context(), settings, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// held are the root keys that the keyring holds still.
func (s KeyStatus) held() (held []sqlstore.RootKey) {
	for _, key := range s.RootKeys {
		if key.RetiredAt.IsZero() {
			held = append(held, key)
		}
	}
	return held
}

// A node goes on while the root keys under it are rotated and the keyring is locked with another key, and starts again with that
// key alone.
func TestKeysAreChangedUnderANode(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, settings config.Config) {
		url, stop := serve(t, settings)
		reader := signIn(t, url)
		path := reader.portfolio("Rotated")
		reader.deposit(path, "100")

		before := keyStatus(t, settings)
		if held := before.held(); len(held) != 1 || !held[0].Used || held[0].UserKeys != 1 || held[0].MadeAt.IsZero() {
			t.Fatalf("before: %+v", before)
		}
		if len(before.Nodes) != 1 || !before.Nodes[0].Current {
			t.Errorf("nodes: %+v", before.Nodes)
		}
		steps := 0
		rotated, err := RotateKeys(t.Context(), settings, quiet(nil), func(done, all int) { steps += all - done + 1 })
		if err != nil {
			t.Fatal(err)
		}
		after := keyStatus(t, settings)
		if held := after.held(); len(held) != 1 || held[0].Key != rotated.Key || held[0].UserKeys != 1 || rotated.UserKeys != 1 || rotated.WentOn || steps != 1 {
			t.Errorf("after %+v: %+v, %d steps", rotated, after, steps)
		}
		if after.Keyring != before.Keyring || after.RootKeys[0].RetiredAt.IsZero() || after.RootKeys[0].Key != before.RootKeys[0].Key {
			t.Errorf("after: %+v", after)
		}
		reader.deposit(path, "20")

		other := filepath.Join(t.TempDir(), "other-kek")
		if err := RewrapKeyring(t.Context(), settings, quiet(nil), other); err != nil {
			t.Fatal(err)
		}
		reader.deposit(path, "3")
		if err := AddUser(t.Context(), settings, quiet(nil), identity.NewUser{Email: "late@example.test", Name: "Late", Role: identity.RoleUser, Password: personPassword}); !fault.Is(err, fault.Denied) {
			t.Errorf("with the key of before: %v", err)
		}
		stop()
		if err := Serve(t.Context(), settings, quiet(nil)); !fault.Is(err, fault.Denied) {
			t.Errorf("a node with the key of before: %v", err)
		}
		settings.Keys.KEK = other
		url, _ = serve(t, settings)
		if cash, _ := signIn(t, url).cash(path); cash != "123" {
			t.Errorf("cash %s", cash)
		}
		keyActs(t, settings, audit.KeysCreated, audit.RootKeyAdded, audit.KeysRotated, audit.RootKeysRetired, audit.KeyringRewrapped)
		if status := keyStatus(t, settings); status.KEK != seal.KindFile || status.KEKPlace != other || len(status.held()) != 1 {
			t.Errorf("at the end: %+v", status)
		}
	})
}

// keyActs fails unless the audit log holds these acts about keys, each once.
func keyActs(t *testing.T, settings config.Config, want ...audit.Action) {
	t.Helper()
	err := withStore(t.Context(), settings, quiet(nil), func(store *sqlstore.Store) error {
		rows, err := store.Audits(t.Context(), "", 0, 100)
		var got []audit.Action
		for _, row := range rows {
			if strings.HasPrefix(string(row.Action), "keys.") {
				got = append(got, row.Action)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("recorded: %v, want %v", got, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nothing starts and nothing is made while a part of the keys is missing or another.
func TestMissingKeysAreRefused(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, settings config.Config) {
		secret, err := os.ReadFile(settings.Keys.KEK)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(what string, want fault.Kind) {
			t.Helper()
			_, made := InitKeys(t.Context(), settings, quiet(nil))
			_, rotated := RotateKeys(t.Context(), settings, quiet(nil), func(int, int) {})
			for name, err := range map[string]error{"start": Serve(t.Context(), settings, quiet(nil)), "keys rotate": rotated} {
				if !fault.Is(err, want) {
					t.Errorf("%s: %s: %v", what, name, err)
				}
			}
			if !fault.Is(made, fault.Conflict) {
				t.Errorf("%s: keys init: %v", what, made)
			}
		}
		if err := os.Remove(settings.Keys.KEK); err != nil {
			t.Fatal(err)
		}
		refused("no key-encryption key", fault.Conflict)
		if _, err := os.Stat(settings.Keys.KEK); err == nil {
			t.Fatal("a key-encryption key was made over data")
		}
		if err := os.WriteFile(settings.Keys.KEK, bytes.Repeat([]byte{9}, len(secret)/2), 0o400); err != nil {
			t.Fatal(err)
		}
		refused("another key-encryption key", fault.Denied)
		if err := errors.Join(os.Remove(settings.Keys.KEK), os.WriteFile(settings.Keys.KEK, secret, 0o400)); err != nil {
			t.Fatal(err)
		}
		keyActs(t, settings, audit.KeysCreated)
	})
}

// A node that can't read the new keyring keeps the rotation from going on: nothing is wrapped by a key that it lacks.
func TestRotationWaitsForEveryNode(t *testing.T) {
	t.Parallel()
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	serve(t, settings)
	first := keyStatus(t, settings).held()[0].Key
	other := filepath.Join(t.TempDir(), "other-kek")
	if err := RewrapKeyring(t.Context(), settings, quiet(nil), other); err != nil {
		t.Fatal(err)
	}
	settings.Keys.KEK = other // but not for the node, which runs with the other
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := RotateKeys(ctx, settings, quiet(nil), func(int, int) { t.Error("keys were wrapped") }); err == nil {
		t.Error("rotated under a node that can't follow")
	}
	status := keyStatus(t, settings)
	if held := status.held(); len(held) != 2 || held[0].Key != first || !held[0].Used || held[0].State() != "in use" || held[1].State() != "waiting" {
		t.Errorf("%+v", status)
	}
	if len(status.Nodes) != 1 || status.Nodes[0].Current {
		t.Errorf("%+v", status.Nodes)
	}
}

const (
	rotationKills = 20
	rotationUsers = 4_000 // some batches, so that kills fall between them and inside of them
	rotationLong  = 100_000
)

// rotateAsChild is the command in a process that can be killed.
func rotateAsChild(ctx context.Context) error {
	settings := settingsIn(os.Getenv("APP_TEST_DIR"))
	settings.Database.URL = config.Secret(os.Getenv("APP_TEST_DATABASE"))
	_, err := RotateKeys(ctx, settings, quiet(nil), func(int, int) {})
	return err
}

// Rotations are killed at any moment, again and again, while a node serves: every key opens, every answer comes, and the next
// rotation goes on.
func TestRotationIsKilledWhileANodeServes(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, settings config.Config) {
		users := rotationUsers
		if os.Getenv("FOLIOSCOPE_LONG") != "" {
			users = rotationLong
		}
		seedKeys(t, settings, users)
		url, _ := serve(t, settings)
		reader := signIn(t, url)
		path := reader.portfolio("Served")
		var child bytes.Buffer
		start := func() *exec.Cmd {
			t.Helper()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"=rotate", "APP_TEST_DIR="+filepath.Dir(settings.DataDir), "APP_TEST_DATABASE="+settings.Database.URL.Reveal())
			cmd.Stderr = &child
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return cmd
		}
		began := time.Now()
		if err := start().Wait(); err != nil {
			t.Fatalf("undisturbed: %v\n%s", err, child.String())
		}
		whole := time.Since(began)
		t.Logf("undisturbed: %d keys in %s", users+1, whole.Round(time.Millisecond))

		ctx, cancel := context.WithCancel(t.Context())
		var answers, refused atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				if status, _ := reader.ask("GET", path, nil); status == http.StatusOK {
					answers.Add(1)
				} else if status != http.StatusTooManyRequests {
					refused.Add(1)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		random, killed, started := rand.New(rand.NewPCG(3, 4)), 0, 0
		for killed < rotationKills {
			cmd := start()
			time.Sleep(time.Duration(random.Int64N(int64(whole))))
			_ = cmd.Process.Kill()
			if cmd.Wait() != nil {
				killed++
			}
			started++
			reader.deposit(path, "1")
		}
		cancel()
		<-ended
		if answers.Load() == 0 || refused.Load() != 0 {
			t.Errorf("%d answers, %d others", answers.Load(), refused.Load())
		}
		rotated, err := RotateKeys(t.Context(), settings, quiet(nil), func(int, int) {})
		if err != nil {
			t.Fatal(err)
		}
		status := keyStatus(t, settings)
		if held := status.held(); len(held) != 1 || held[0].Key != rotated.Key || held[0].UserKeys != users+1 {
			t.Errorf("%+v", held)
		}
		if opened := openAll(t, settings); opened != users+1 {
			t.Errorf("%d users' keys open", opened)
		}
		if cash, _ := reader.cash(path); cash != fmt.Sprint(started) {
			t.Errorf("cash %s", cash)
		}
		t.Logf("a rotation of %d keys takes %s; %d of %d were killed, %d root keys were made, the node gave %d answers", users+1, whole.Round(time.Millisecond), killed, started, len(status.RootKeys), answers.Load())
	})
}

// seedKeys adds users to an installation.
func seedKeys(t testing.TB, settings config.Config, users int) {
	t.Helper()
	err := withStore(t.Context(), settings, quiet(nil), func(store *sqlstore.Store) error {
		const batch = 1_000
		for from := 0; from < users; from += batch {
			var all []sqlstore.SeedUser
			for n := from; n < min(from+batch, users); n++ {
				id := ledger.OwnerID(fmt.Sprintf("seed%06d", n))
				all = append(all, sqlstore.SeedUser{
					User:      identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "none", CreatedAt: time.Now()},
					Portfolio: ledger.Portfolio{ID: "pf-" + ledger.PortfolioID(id), Name: "Seeded", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: time.Now()},
				})
			}
			if err := store.Seed(t.Context(), all); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// openAll opens what every user has and gives how many there are.
func openAll(t *testing.T, settings config.Config) (opened int) {
	t.Helper()
	err := withStore(t.Context(), settings, quiet(nil), func(store *sqlstore.Store) error {
		for cursor := ""; ; {
			users, next, err := store.Users(t.Context(), cursor, 500)
			if err != nil {
				return err
			}
			for _, u := range users {
				if u.Name == "" {
					t.Errorf("the name of %s is gone", u.ID)
				}
			}
			opened += len(users)
			if cursor = next; cursor == "" {
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}
