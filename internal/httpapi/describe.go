package httpapi

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
)

const (
	sessionScheme = "session"
	tokenScheme   = "token"
	apiTitle      = "Folioscope"
	apiVersion    = "1"
)

var problemSchemaType = reflect.TypeFor[Problem]()

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle []byte

// newAPI makes the validator and the description that it fills, without any of its own routes.
func newAPI(s *Server) huma.API {
	format := huma.Format{Marshal: writeJSON, Unmarshal: readJSON}
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: apiTitle, Version: apiVersion,
				Description: "Amounts, quantities, prices and rates are decimal strings, times RFC 3339 in UTC, dates YYYY-MM-DD; what is unknown is null. " +
					"Fields ending in _percent are percent points; weights and shares are fractions. Errors are application/problem+json.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					sessionScheme: {Type: "apiKey", In: "cookie", Name: s.cookieName(), Description: "Set by POST /api/v1/session"},
					tokenScheme:   {Type: "http", Scheme: "bearer", Description: "An API token, fsc_…, made under /account. What it may do is bounded by its scopes and its owner's role."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{fromHuma},
	}, pass{s})
}

func (s *Server) schemaOf(value any) *huma.Schema {
	t := reflect.TypeOf(value)
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

func jsonContent(schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/json": {Schema: schema}}
}

func (s *Server) addDescriptionRoutes() {
	const tag = "Description"
	one := func(kind string) huma.Operation {
		return huma.Operation{Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{kind: {}}}}}
	}
	s.written(route{method: "GET", path: "/api/openapi.json", class: classRead, action: access.ReadDescription, tag: tag, summary: "This description (OpenAPI 3.1)"}, one("application/openapi+json"),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/openapi+json")
			_, _ = w.Write(s.openapi()) // the client may have gone; there is nobody to tell
		})
	s.written(route{method: "GET", path: "/api/docs", class: classRead, action: access.ReadDescription, tag: tag, summary: "This description as a page"}, one("text/html"), s.serveDocs)
	s.written(route{method: "GET", path: "/api/docs.css", class: classRead, action: access.ReadDescription, tag: tag, summary: "The page's looks"}, one("text/css"),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/css; charset=utf-8")
			_, _ = w.Write(docsStyle) // the client may have gone; there is nobody to tell
		})
}

// OpenAPI is the description as it is served and as TypeScript types are made from: the same bytes for the same routes.
func (s *Server) OpenAPI() []byte { return s.openapi() }

func (s *Server) describe() []byte {
	text, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		panic("httpapi: the description can't be encoded: " + err.Error())
	}
	var sorted map[string]any // maps are encoded in the order of their keys
	if err := json.Unmarshal(text, &sorted); err != nil {
		panic("httpapi: the description isn't JSON: " + err.Error())
	}
	dropForeignErrors(sorted)
	out, err := json.MarshalIndent(sorted, "", "  ")
	if err != nil {
		panic("httpapi: the description can't be encoded: " + err.Error())
	}
	return append(out, '\n')
}

// dropForeignErrors removes the validator's own error shapes, which it registers but which are never sent.
func dropForeignErrors(description map[string]any) {
	components, _ := description["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
}

// docsRoute is a route as the page shows it.
type docsRoute struct {
	Method, Path, Summary, Description string
	SignedIn                           bool
	Parameters                         []docsParameter
	Body                               string
	Answers                            []docsAnswer
}

type docsParameter struct {
	Name, In, Description string
	Required              bool
}

type docsAnswer struct{ Status, Description, Schema string }

type docsTag struct {
	Name   string
	Routes []docsRoute
}

func (s *Server) serveDocs(w http.ResponseWriter, r *http.Request) {
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		s.fail(w, r, fmt.Errorf("read page of the description: %w", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, s.docsTags()); err != nil {
		s.log.DebugContext(r.Context(), "page of the description not sent whole", "error", err)
	}
}

func (s *Server) docsTags() []docsTag {
	var tags []docsTag
	for _, rt := range s.routes {
		at := slices.IndexFunc(tags, func(t docsTag) bool { return t.Name == rt.tag })
		if at < 0 {
			tags, at = append(tags, docsTag{Name: rt.tag}), len(tags)
		}
		op := operationOf(s.api.OpenAPI().Paths[rt.path], rt.method)
		shown := docsRoute{Method: rt.method, Path: rt.path, Summary: op.Summary, Description: op.Description, SignedIn: !access.Open(rt.action)}
		for _, p := range op.Parameters {
			shown.Parameters = append(shown.Parameters, docsParameter{p.Name, p.In, p.Description, p.Required})
		}
		if op.RequestBody != nil {
			shown.Body = schemaName(op.RequestBody.Content)
		}
		for status, response := range op.Responses {
			shown.Answers = append(shown.Answers, docsAnswer{status, response.Description, schemaName(response.Content)})
		}
		slices.SortFunc(shown.Answers, func(a, b docsAnswer) int { return strings.Compare(a.Status, b.Status) })
		tags[at].Routes = append(tags[at].Routes, shown)
	}
	return tags
}

func schemaName(content map[string]*huma.MediaType) string {
	for kind, media := range content {
		if media.Schema != nil && media.Schema.Ref != "" {
			return kind + ": " + refName(media.Schema)
		}
		if media.Schema != nil && len(media.Schema.OneOf) > 0 {
			var names []string
			for _, one := range media.Schema.OneOf {
				names = append(names, refName(one))
			}
			return kind + ": " + strings.Join(names, " or ")
		}
		return kind
	}
	return ""
}

func refName(schema *huma.Schema) string {
	return strings.TrimPrefix(schema.Ref, "#/components/schemas/")
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[method]
}

// Description is the API's description without a running service behind it.
func Description() ([]byte, error) {
	s, err := New(Options{Secure: true, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return s.OpenAPI(), nil
}
