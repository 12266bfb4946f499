package httpapi

import (
	"errors"
	"mime"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/transfer"
)

func (s *Server) addImportRoutes() {
	describe := huma.Operation{
		Description: "With dry_run=true nothing is stored and the answer says what would be: 200. Otherwise all rows are stored or none, and the same file twice adds nothing.",
		Parameters: []*huma.Param{
			{Name: "format", In: "query", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{transfer.FormatCSV}}},
			{Name: "dry_run", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}},
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		Responses: map[string]*huma.Response{
			"200": {Description: "What the import would do", Content: jsonContent(s.schemaOf(ImportPreview{}))},
			"201": {Description: "What the import did", Content: jsonContent(s.schemaOf(ImportResult{}))},
		},
	}
	r := route{
		method: "POST", path: portfolioPrefix + "/imports", class: classBulk, action: access.WriteActivities, bodyBytesMax: csvBytesMax, creates: true, dryRun: true,
		tag: "Activities", summary: "Import a file of activities",
	}
	s.written(r, describe, s.serveImport)
}

func (s *Server) serveImport(w http.ResponseWriter, r *http.Request) {
	c, query := callOf(r.Context()), r.URL.Query()
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil || kind != "text/csv":
		p := newProblem(fault.Invalid, "The body has to be text/csv.")
		p.Status, p.Title = http.StatusUnsupportedMediaType, http.StatusText(http.StatusUnsupportedMediaType)
		s.fail(w, r, p)
		return
	case query.Get("format") != transfer.FormatCSV:
		s.fail(w, r, fault.At("format", "The format is %s.", transfer.FormatCSV))
		return
	}
	dryRun, err := asksDryRun(query.Get("dry_run"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	result, err := s.importer.Import(r.Context(), c.owner(), portfolioID(r), c.sequence, r.Body, dryRun, func(done transfer.Result) audit.Write {
		return c.write(c.entry(audit.ActivitiesImported, string(portfolioID(r))), importResultOf(done))
	})
	switch {
	case err != nil:
		s.fail(w, r, s.importRefused(r, dryRun, err))
	case dryRun:
		s.answer(w, http.StatusOK, importPreviewOf(result))
	default:
		s.answer(w, http.StatusCreated, importResultOf(result))
	}
}

// importRefused notes that an import was refused for what is in the file, so that whose portfolio it was for can be told, and gives the refusal.
// A trial isn't noted: whoever tries looks at the answer.
func (s *Server) importRefused(r *http.Request, dryRun bool, refusal error) error {
	kind := fault.KindOf(refusal)
	if dryRun || !slices.Contains([]fault.Kind{fault.Invalid, fault.TooLarge, fault.Internal}, kind) {
		return refusal
	}
	entry := callOf(r.Context()).entry(audit.ActivitiesImported, string(portfolioID(r)))
	entry.Result = string(kind)
	if err := s.store.RecordRefusal(r.Context(), audit.Write{Audit: entry, Incident: audit.IncidentImportRefused}); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}

// asksDryRun reads dry_run. What is neither true nor false is refused: somebody who writes 1 wants nothing stored.
func asksDryRun(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fault.At("dry_run", "This is true or false.")
}

func importResultOf(r transfer.Result) ImportResult {
	return ImportResult{Sequence: r.Sequence, Added: r.New, Duplicates: r.Duplicates}
}

func importPreviewOf(r transfer.Result) ImportPreview {
	out := ImportPreview{Rows: r.Rows, New: r.New, Duplicates: r.Duplicates, Errors: []ImportError{}, Preview: []ImportRow{}}
	for _, e := range r.Errors {
		out.Errors = append(out.Errors, ImportError{Row: e.Row, Column: e.Column, Message: sentence(e.Message)})
	}
	for _, row := range r.Preview {
		e := row.Entry
		out.Preview = append(out.Preview, ImportRow{
			Row: row.Line, Status: string(row.Status), Date: given(e.Date), Type: given(e.Type), Account: given(e.Account), Symbol: given(e.Symbol),
			Quantity: given(e.Quantity), Price: given(e.Price), Amount: given(e.Amount), Currency: given(e.Currency),
		})
	}
	return out
}
