package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// AuditLog is what was done, as the store keeps it.
type AuditLog interface {
	// AuditPage gives rows of all owners with a leaf below before, the latest first; details stay sealed.
	AuditPage(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Row, error)
	// AuditsBefore gives an owner's rows with a number below before, the latest first; their details are open.
	AuditsBefore(ctx context.Context, owner ledger.OwnerID, before int64, limit int) ([]audit.Row, error)
	// AuditLeaves calls see for the rows from one leaf to before another.
	AuditLeaves(ctx context.Context, from, to int64, see func(*audit.Row) error) error
	// LatestCheckpoint is the newest signed one, none where there is none yet.
	LatestCheckpoint(ctx context.Context) ([]byte, error)
}

const (
	exportRowsMax   = 50_000 // of one answer; who wants more goes on from there
	exportRowsAhead = 4096
)

// AuditRecord is one row of the audit log: ids, never what is personal.
type AuditRecord struct {
	Leaf      int64     `json:"leaf" doc:"Its number among all, from 0"`
	At        time.Time `json:"at"`
	Actor     *string   `json:"actor" doc:"Who did it; null for the service itself, or somebody who wasn't signed in"`
	Owner     *string   `json:"owner" doc:"Whose data it is about; null for nobody's"`
	Action    string    `json:"action"`
	Object    *string   `json:"object"`
	Result    string    `json:"result" doc:"ok, or the kind of refusal"`
	Session   *string   `json:"session"`
	Node      *string   `json:"node"`
	RequestID *string   `json:"request_id"`
}

// AuditRecords is a page of the audit log.
type AuditRecords struct {
	Items      []AuditRecord `json:"items" nullable:"false"`
	NextCursor *string       `json:"next_cursor"`
	Actions    []string      `json:"actions" nullable:"false" doc:"All that are recorded, for a filter"`
}

// AuditCheckpoint is the newest signed statement of all that was recorded, to keep elsewhere.
type AuditCheckpoint struct {
	Checkpoint string    `json:"checkpoint" doc:"As it is signed; empty where none was signed yet"`
	Key        string    `json:"key" doc:"With which anybody can check it"`
	Rows       int64     `json:"rows"`
	Root       string    `json:"root" doc:"Hash of all rows"`
	SignedAt   time.Time `json:"signed_at"`
}

// OwnRecord is one thing that was done with somebody's account or data, as they are shown it.
type OwnRecord struct {
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	Action string    `json:"action"`
	By     string    `json:"by" enum:"you,other,service,unknown" doc:"unknown: somebody who was not signed in"`
	Result string    `json:"result" doc:"ok, or the kind of refusal"`
	Name   *string   `json:"name" doc:"Of who did it, where by is other"`
	Place  *string   `json:"place" doc:"The address that it came from; of what others did with something that was shared, how"`
	Object *string   `json:"object"`
}

// OwnRecords is a page of them.
type OwnRecords struct {
	Items      []OwnRecord `json:"items" nullable:"false"`
	NextCursor *string     `json:"next_cursor"`
}

// AuditSearch says which rows are wanted; what is left out is no wish.
type AuditSearch struct {
	Action string    `query:"action" maxLength:"60"`
	Actor  string    `query:"actor" maxLength:"80"`
	Object string    `query:"object" maxLength:"200"`
	From   time.Time `query:"from" doc:"Only rows from then on"`
	Until  time.Time `query:"until" doc:"Only rows before then"`
}

func (f AuditSearch) filter() audit.Filter {
	return audit.Filter{Action: audit.Action(f.Action), Actor: ledger.OwnerID(f.Actor), Object: f.Object, From: f.From, Until: f.Until}
}

type listAuditInput struct {
	AuditSearch
	Cursor string `query:"cursor" maxLength:"20" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type listOwnAuditInput struct {
	Cursor string `query:"cursor" maxLength:"20" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

func (s *Server) addAuditRoutes() {
	const tag = "Administration"
	typed(s, route{method: "GET", path: "/api/v1/admin/audit", class: classRead, action: access.ReadAudit, tag: tag, summary: "What was done by whom, the latest first"}, http.StatusOK, s.listAudit)
	typed(s, route{method: "GET", path: "/api/v1/admin/audit/checkpoint", class: classRead, action: access.ReadAudit, tag: tag, summary: "The newest signed statement of all that was recorded"}, http.StatusOK, s.readCheckpoint)
	param := func(name, description string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	s.written(route{method: "GET", path: "/api/v1/admin/audit/export", class: classBulk, action: access.ExportAudit, tag: tag, summary: "The audit log, one line of JSON for each row"}, huma.Operation{
		Description: fmt.Sprintf("The oldest first, at most %d rows looked at; next_leaf in the header X-Next-Leaf says where to go on. With all rows anybody can work the signed tree out again.", exportRowsMax),
		Parameters:  []*huma.Param{param("action", ""), param("actor", ""), param("object", ""), param("from", "time, RFC 3339"), param("until", "time, RFC 3339"), param("leaf", "where to begin, 0 if left out")},
		Responses:   map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	}, s.exportAudit)
	typed(s, route{method: "GET", path: "/api/v1/me/audit", class: classRead, action: access.ReadOwnAudit, tag: "Session", summary: "What was done with the caller's account and data, and by whom"}, http.StatusOK, s.listOwnAudit)
}

func (s *Server) auditLog() (AuditLog, error) {
	if s.options.Audit == nil {
		return nil, fault.New(fault.Unavailable, "This server keeps no audit log.")
	}
	return s.options.Audit, nil
}

// beforeOf reads a cursor; without one everything is before.
func beforeOf(cursor string) (int64, error) {
	if cursor == "" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.At("cursor", "This is no next_cursor of a page before.")
	}
	return n, nil
}

// looked records that somebody looked at what others did: once for each search, not for each page.
func (s *Server) looked(ctx context.Context, action audit.Action) error {
	entry := callOf(ctx).entry(action, "")
	entry.Owner = "" // the log is nobody's
	return s.store.RecordAudit(ctx, entry)
}

func (s *Server) listAudit(ctx context.Context, in *listAuditInput) (*answer[AuditRecords], error) {
	log, err := s.auditLog()
	if err != nil {
		return nil, err
	}
	before, err := beforeOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	if in.Cursor == "" {
		if err := s.looked(ctx, audit.AuditRead); err != nil {
			return nil, err
		}
	}
	rows, err := log.AuditPage(ctx, in.filter(), before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := AuditRecords{Items: make([]AuditRecord, 0, len(rows))}
	for _, action := range audit.Actions() {
		out.Actions = append(out.Actions, string(action))
	}
	for i := range rows[:min(len(rows), in.Limit)] {
		r := &rows[i]
		out.Items = append(out.Items, AuditRecord{
			Leaf: r.Leaf, At: r.At.UTC(), Actor: given(string(r.Actor)), Owner: given(string(r.Owner)), Action: string(r.Action), Object: given(r.Object),
			Result: r.Result, Session: given(r.Session), Node: given(r.Node), RequestID: given(r.RequestID),
		})
	}
	if len(rows) > in.Limit {
		out.NextCursor = given(strconv.FormatInt(rows[in.Limit-1].Leaf, 10))
	}
	return &answer[AuditRecords]{out}, nil
}

func (s *Server) readCheckpoint(ctx context.Context, _ *struct{}) (*answer[AuditCheckpoint], error) {
	log, err := s.auditLog()
	if err != nil {
		return nil, err
	}
	signed, err := log.LatestCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	out := AuditCheckpoint{Checkpoint: string(signed), Key: s.options.AuditKey}
	if signed != nil {
		verifier, err := audit.NewVerifier(s.options.AuditKey)
		if err != nil {
			return nil, err
		}
		c, err := verifier.Open(signed)
		if err != nil {
			return nil, fmt.Errorf("the newest checkpoint: %w", err)
		}
		out.Rows, out.Root, out.SignedAt = c.Size, fmt.Sprintf("%x", c.Root), c.At.UTC()
	}
	return &answer[AuditCheckpoint]{out}, nil
}

func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request) {
	filter, from, err := exportOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	log, err := s.auditLog()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.looked(r.Context(), audit.AuditExported); err != nil {
		s.fail(w, r, err)
		return
	}
	newest, err := log.AuditPage(r.Context(), audit.Filter{}, math.MaxInt64, 1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	size := int64(0)
	if len(newest) > 0 {
		size = newest[0].Leaf + 1
	}
	end := min(size, from+exportRowsMax)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="audit.jsonl"`)
	if end < size {
		w.Header().Set("X-Next-Leaf", strconv.FormatInt(end, 10))
	}
	for ; from < end; from += exportRowsAhead {
		err := log.AuditLeaves(r.Context(), from, min(from+exportRowsAhead, end), func(row *audit.Row) error {
			if !filter.Matches(row) {
				return nil
			}
			line, err := row.Line()
			if err != nil {
				return err
			}
			_, err = w.Write(line)
			return err
		})
		if err != nil {
			panic(http.ErrAbortHandler) // the answer had begun: the client must not take it for whole
		}
	}
}

// exportOf reads what an export asks for.
func exportOf(r *http.Request) (filter audit.Filter, from int64, err error) {
	q := r.URL.Query()
	filter = audit.Filter{Action: audit.Action(q.Get("action")), Actor: ledger.OwnerID(q.Get("actor")), Object: q.Get("object")}
	for name, to := range map[string]*time.Time{"from": &filter.From, "until": &filter.Until} {
		if text := q.Get(name); text != "" {
			if *to, err = time.Parse(time.RFC3339, text); err != nil {
				return filter, 0, fault.At(name, "This is no time such as 2026-12-24T18:00:00Z.")
			}
		}
	}
	if text := q.Get("leaf"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 || from > math.MaxInt64-exportRowsMax {
			return filter, 0, fault.At("leaf", "This is no number of a row.")
		}
	}
	return filter, from, nil
}

func (s *Server) listOwnAudit(ctx context.Context, in *listOwnAuditInput) (*answer[OwnRecords], error) {
	log, err := s.auditLog()
	if err != nil {
		return nil, err
	}
	before, err := beforeOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	rows, err := log.AuditsBefore(ctx, c.owner(), before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := OwnRecords{Items: make([]OwnRecord, 0, len(rows))}
	names := make(map[ledger.OwnerID]*string)
	for i := range rows[:min(len(rows), in.Limit)] {
		r := &rows[i]
		if _, known := names[r.Actor]; !known && r.Actor != c.owner() {
			if names[r.Actor], err = s.nameOf(ctx, r.Actor); err != nil {
				return nil, err
			}
		}
		out.Items = append(out.Items, OwnRecord{
			Number: r.Number, At: r.At.UTC(), Action: string(r.Action), By: actorOf(r, c.owner()), Name: names[r.Actor], Result: r.Result, Place: given(r.Detail), Object: given(r.Object),
		})
	}
	if len(rows) > in.Limit {
		out.NextCursor = given(strconv.FormatInt(rows[in.Limit-1].Number, 10))
	}
	return &answer[OwnRecords]{out}, nil
}

// actorOf says who did it, as the owner is told.
func actorOf(r *audit.Row, owner ledger.OwnerID) string {
	switch {
	case r.Actor == owner:
		return "you"
	case r.Actor != "":
		return "other"
	case r.Action == audit.SignInFailed, r.Action == audit.LinkOpened:
		return "unknown"
	}
	return "service"
}
