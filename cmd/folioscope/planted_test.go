package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"folioscope/internal/natsbus/natstest"
	"folioscope/internal/pgtest"
)

// planted are personal texts and secrets that a person gives to a node, none of which may lie anywhere in the clear. Each
// stands for one way in.
var planted = map[string]string{
	"e-mail of a user":                "quirin.zwiebelmann@planted-one.example",
	"name of a user":                  "Quirin Zwiebelmann-Ypsilanti",
	"password of a user":              "Kugelblitz-Zampano-7719",
	"e-mail of somebody invited":      "ottilie.vexierbild@planted-two.example",
	"name of somebody invited":        "Ottilie Vexierbild-Quastenflosser",
	"password of somebody invited":    "Wolkenkuckucksheim-3391",
	"e-mail of a refused sign-in":     "nobody.hereabouts@planted-three.example",
	"password of a refused sign-in":   "Fehlversuch-Xylophon-4410",
	"name of a portfolio":             "Altersruhesitz Zypernhof",
	"new name of a portfolio":         "Umbenannt Zypernhof Zwei",
	"name of an account":              "Geheimkonto Xanthippe",
	"name of another account":         "Zweitkonto Quodlibet",
	"note of an activity":             "Abfindung vom Quacksalber-Prozess",
	"note of a corrected activity":    "Korrigiert wegen Zahlendreher-Yeti",
	"quantity of a buy":               "731.9174635",
	"price of a buy":                  "48.6172935",
	"fee of a buy":                    "13.8824719",
	"amount of a deposit":             "916273.4481957",
	"note in a file":                  "Erbschaft von Tante Xaveria",
	"quantity in a file":              "6284.0173951",
	"amount in a file by command":     "5519283.7746213",
	"name of a token":                 "Zugang-Zikkurat-Programm",
	"name of an own instrument":       "Ahnengemaelde vom Quirinal",
	"key of a request":                "idempotency-of-zwiebelmann-8841",
	"text in a refused activity":      "Unbrauchbar-Yggdrasil-Betrag",
	"text in a file that was refused": "Zurueckgewiesen-Quetzalcoatl",
}

// controls are public: they must be found where the database's own bytes can be read, else nothing was searched.
var controls = map[string]string{"name of an instrument": "Planted Control Werke AG"}

// forms are the ways in which a text may lie in bytes.
func forms(text string) map[string][]byte {
	all := map[string][]byte{
		"plain": []byte(text), "hex": []byte(hex.EncodeToString([]byte(text))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
	}
	units := utf16.Encode([]rune(text))
	little, big := make([]byte, 0, 2*len(units)), make([]byte, 0, 2*len(units))
	for _, unit := range units {
		little, big = binary.LittleEndian.AppendUint16(little, unit), binary.BigEndian.AppendUint16(big, unit)
	}
	all["UTF-16LE"], all["UTF-16BE"] = little, big
	// Inside something longer, a text begins at any of three places of base64's groups; the characters at its ends are shared
	// with what stands beside it and left out.
	for shift := range 3 {
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			encoded := encoding.EncodeToString(append(make([]byte, shift), text...))
			from, to := (shift*8+5)/6, (shift+len(text))*8/6
			all[fmt.Sprint(name, shift)] = []byte(encoded[from:to])
		}
	}
	return all
}

// needle is one form of one text.
type needle struct {
	what, form string
	bytes      []byte
}

func needles(texts map[string]string) []needle {
	var all []needle
	for what, text := range texts {
		for form, data := range forms(text) {
			all = append(all, needle{what, form, data})
		}
	}
	return all
}

// search gives what is found in some bytes, each text once.
func search(data []byte, all []needle) map[string]string {
	found := map[string]string{} // what → form
	for _, n := range all {
		if bytes.Contains(data, n.bytes) {
			found[n.what] = n.form
		}
	}
	return found
}

func TestSearchFindsEveryForm(t *testing.T) {
	const text = "Geheimkonto Xanthippe"
	for name, written := range map[string]string{
		"plain": "account=" + text + ";", "JSON": fmt.Sprintf(`{"name":%q}`, text),
		"hex": fmt.Sprintf("%x", "name="+text), "HEX": fmt.Sprintf("%X", text+"!"),
		"UTF-16": string(forms(text)["UTF-16LE"]),
		"base64": base64.StdEncoding.EncodeToString([]byte("a" + text)), "base64 later": base64.StdEncoding.EncodeToString([]byte("ab" + text + "c")),
		"base64url": base64.URLEncoding.EncodeToString([]byte(text + "tail")),
	} {
		if len(search([]byte("before "+written+" after"), needles(map[string]string{"it": text}))) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	if found := search([]byte("Geheimkonto Xanthipp"), needles(map[string]string{"it": text})); len(found) != 0 {
		t.Errorf("a shorter text is found: %v", found)
	}
}

// refused is a request that must not be done.
func (in *installation) refused(method, path, key string, body any) {
	in.t.Helper()
	if status, text := in.send(method, path, key, body); status < 400 || status >= 500 {
		in.t.Errorf("%s %s: %d %s", method, path, status, text)
	}
}

// plant hands every text to a running node, the way it would come in, and gives an API token's secret too.
func plant(in *installation) (portfolio, token string) {
	t := in.t
	t.Helper()
	p := planted
	in.command(p["password of a user"]+"\n", "user", "add", "--role", "admin", "--name", p["name of a user"], p["e-mail of a user"])
	in.start()
	in.refused("POST", "/api/v1/session", "", map[string]string{"email": p["e-mail of a refused sign-in"], "password": p["password of a refused sign-in"]})
	in.refused("POST", "/api/v1/session", "", map[string]string{"email": p["e-mail of a user"], "password": p["password of a refused sign-in"]})
	in.signIn(p["e-mail of a user"], p["password of a user"])
	in.must("POST", "/api/v1/instruments", "instrument", map[string]string{
		"symbol": "PLANT", "name": controls["name of an instrument"], "currency": "EUR", "asset_class": "stock",
	}, nil)
	path := in.portfolio(p["name of a portfolio"], p["name of an account"])
	in.must("POST", path+"/accounts", "another", map[string]string{"name": p["name of another account"], "currency": "EUR"}, nil)

	var done struct {
		IDs      []string
		Sequence int
	}
	in.must("POST", path+"/activities", p["key of a request"], map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "account": p["name of an account"], "amount": p["amount of a deposit"], "note": p["note of an activity"]},
		{"date": "2026-01-05", "type": "buy", "account": p["name of an account"], "symbol": "PLANT", "quantity": p["quantity of a buy"],
			"price": p["price of a buy"], "fee": p["fee of a buy"]},
	}}, &done)
	in.must("PUT", path+"/activities/"+done.IDs[0], "", map[string]string{
		"date": "2026-01-02", "type": "deposit", "account": p["name of an account"], "amount": p["amount of a deposit"], "note": p["note of a corrected activity"],
	}, nil, "If-Match", fmt.Sprint(done.Sequence))
	in.refused("POST", path+"/activities", "refused", map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "account": p["text in a refused activity"], "amount": p["text in a refused activity"]},
	}})
	in.must("PATCH", path, "", map[string]string{"name": p["new name of a portfolio"]}, nil)
	header := "date,type,account,symbol,quantity,price,note\n"
	in.must("POST", path+"/imports?format=folioscope-csv", "file", []byte(fmt.Sprintf("%s2026-02-02,deliver_in,%s,PLANT,%s,2,%s\n", header,
		p["name of another account"], p["quantity in a file"], p["note in a file"])), nil)
	in.refused("POST", path+"/imports?format=folioscope-csv", "bad file", []byte(fmt.Sprintf("%s2026-02-02,deliver_in,%s,%[2]s,1,2,%[2]s\n", header,
		p["text in a file that was refused"])))

	in.must("POST", path+"/instruments", "own", map[string]string{
		"symbol": "OWN", "name": p["name of an own instrument"], "currency": "EUR", "asset_class": "other",
	}, nil)
	var made struct{ Token string }
	in.must("POST", "/api/v1/me/tokens", "token", map[string]any{
		"name": p["name of a token"], "scopes": []string{"read"}, "expires_at": time.Now().Add(time.Hour),
	}, &made)

	var invitation struct{ URL string }
	in.must("POST", "/api/v1/admin/invitations", "invite", map[string]string{
		"email": p["e-mail of somebody invited"], "name": p["name of somebody invited"], "role": "user",
	}, &invitation)
	owner := in.cookie
	in.must("POST", "/api/v1/invitations/accept", "", map[string]string{
		"token": invitation.URL[strings.LastIndexByte(invitation.URL, '/')+1:], "password": p["password of somebody invited"],
	}, nil)
	in.cookie = owner
	for _, read := range []string{path, path + "/activities", path + "/performance", path + "/history", path + "/allocation?by=account", "/api/v1/me", "/api/v1/admin/users"} {
		in.must("GET", read, "", nil, nil)
	}
	return strings.TrimPrefix(path, "/api/v1/portfolios/"), made.Token
}

// told gives what the node tells whoever asks for its workings, and the bodies of refusals.
func told(in *installation) []byte {
	in.t.Helper()
	_, page := in.send("GET", "/", "", nil)
	var all []byte
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/heap", "/debug/vars", "/debug/requests"} {
		status, text := in.send("GET", path, "", nil)
		if isPage := bytes.Equal(text, page); status != 200 || isPage != strings.HasPrefix(path, "/debug/") { // the dashboard, which knows no such address
			in.t.Errorf("GET %s: %d, the dashboard: %t", path, status, isPage)
		}
		all = append(all, text...)
	}
	if !bytes.Contains(all, []byte("folioscope_live_streams")) {
		in.t.Error("there are no metrics: nothing is shown by searching them")
	}
	return all
}

// sessionSecret is what a stolen copy of the data must not hold: the part of the cookie that proves the session.
func (in *installation) sessionSecret() string {
	_, value, _ := strings.Cut(in.cookie, "=")
	_, secret, _ := strings.Cut(value, ".")
	return secret
}

// plantAndKill goes the whole way, with a hard end in the middle that leaves a dump of all goroutines, and looks after both ends.
// Inspect adds what lies elsewhere.
func plantAndKill(t *testing.T, settings []string, inspect func(in *installation, look func(where string, data []byte))) {
	bus := natstest.StartWiretap(t)
	in := newInstallation(t, append(settings, "FOLIOSCOPE_TELEMETRY_LOG_LEVEL=debug", "FOLIOSCOPE_NATS_URLS="+bus.URL(), "GOTRACEBACK=all")...)
	portfolio, token := plant(in)
	secrets := maps.Clone(planted)
	secrets["session"], secrets["API token"] = in.sessionSecret(), token
	kek, err := os.ReadFile(filepath.Join(in.dir, "kek"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["key-encryption key"] = strings.TrimSpace(string(kek))
	unseen := needles(secrets)
	files, size := 0, 0
	look := func(where string, data []byte) {
		files, size = files+1, size+len(data)
		for what, form := range search(data, unseen) {
			t.Errorf("the %s lies in %s (%s)", what, where, form)
		}
	}
	lookAtAll := func() {
		t.Helper()
		lookAtFiles(t, in.dataDir(), look)
		look("the log", in.log.Bytes())
		said, _ := bus.All()
		look("what was said on the bus", said)
		inspect(in, look)
	}
	look("metrics and the like", told(in))
	in.dump()
	lookAtAll()

	file := filepath.Join(in.dir, "activities.csv")
	text := "date,type,account,amount\n2026-03-03,deposit," + planted["name of an account"] + "," + planted["amount in a file by command"] + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in.command("", "import", "--portfolio", portfolio, file)
	in.start()
	var page json.RawMessage
	in.must("GET", "/api/v1/portfolios/"+portfolio+"/activities", "", nil, &page)
	for _, what := range []string{"note of a corrected activity", "quantity of a buy", "note in a file", "quantity in a file", "amount in a file by command"} {
		if !bytes.Contains(page, []byte(planted[what])) {
			t.Errorf("the %s was not even stored: nothing is shown by not finding it", what)
		}
	}
	in.stop()
	lookAtAll()
	if !bytes.Contains(in.log.Bytes(), []byte("route=/api/v1/portfolios/{id}/activities")) {
		t.Error("the log has no requests in it: nothing is shown by searching it")
	}
	said, hints := bus.All()
	if !bytes.Contains(said, []byte(portfolio)) || !bytes.Contains(in.log.Bytes(), []byte("\ngoroutine 1 ")) {
		t.Errorf("%d hints on the bus, none of them of the portfolio, or no dump in the log: nothing is shown by searching them", hints)
	}
	t.Logf("%d texts in %d forms, 0 found is wanted: %d hints, searched %d files and tables, %d KiB", len(secrets), len(forms("x")), hints, files, size>>10)
}

// lookAtFiles reads every file below a directory.
func lookAtFiles(t *testing.T, dir string, look func(where string, data []byte)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		look(filepath.Base(path), data)
		return nil
	})
	if err != nil || seen == 0 {
		t.Fatalf("%d files in the data directory, %v", seen, err)
	}
}

func TestNothingPersonalLiesInTheClear(t *testing.T) {
	names := map[string]bool{}
	plantAndKill(t, []string{"FOLIOSCOPE_TLS_SELF=true"}, func(in *installation, _ func(string, []byte)) {
		for _, entry := range readDir(t, in.dataDir()) {
			names[entry] = true
		}
	})
	for _, name := range []string{"folioscope.db", "folioscope.db-wal", "keyring", "certificates"} {
		if !names[name] {
			t.Errorf("%s was not among what was searched: %v", name, slices.Sorted(maps.Keys(names)))
		}
	}
}

func readDir(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// PostgreSQL's own files are not encrypted by us, so only what was sealed before stays unseen, and public data is found.
func TestNothingPersonalLiesInTheClearOnPostgreSQL(t *testing.T) {
	began := time.Now()
	database := pgtest.Database(t)
	plantAndKill(t, []string{"FOLIOSCOPE_DATABASE_URL=" + database}, func(_ *installation, look func(string, []byte)) {
		inTables, inFiles, read := map[string]string{}, map[string]string{}, 0
		for table, data := range pgtest.Dump(t, database) {
			look("table "+table, data)
			maps.Copy(inTables, search(data, needles(controls)))
		}
		for _, path := range pgtest.Files(t, database, began) {
			data, err := os.ReadFile(path)
			if err != nil {
				continue // gone since, as files of the log ahead of writing do
			}
			read++
			look("PostgreSQL's file "+path, data)
			maps.Copy(inFiles, search(data, needles(controls)))
		}
		for what := range controls {
			if inTables[what] == "" {
				t.Errorf("the %s, which is public, was not found in any table: nothing is shown by this search", what)
			}
			if read > 0 && inFiles[what] == "" {
				t.Errorf("the %s, which is public, was not found in any of %d files", what, read)
			}
		}
		if read == 0 {
			t.Log("the server's files can't be read here: only its tables were searched")
		}
	})
}
