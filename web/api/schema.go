package api

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

const refs = "#/components/schemas/"

// newHuma makes the registry of operations. Its own routes for documents are
// off: the document is built once and served like any other file.
func newHuma(e *gin.Engine) huma.API {
	registry := huma.NewMapRegistry(refs, schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[ids.ID](), reflect.TypeFor[idSchema]())
	return humagin.New(e, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Fanward", Version: obs.Version(),
				Description: "The REST interface of Fanward. docs/protocol.md says what a schema cannot: order, resumption, permissions, close codes.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/", Description: "This installation"}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"session": {Type: "apiKey", In: "cookie", Name: SessionCookie, Description: "A teammate's sign-in. Requests that are not GET also carry the header " + CSRFHeader + ": 1."},
					"bearer":  {Type: "http", Scheme: "bearer", Description: "A token of `fanward token create`."},
					"visitor": {Type: "apiKey", In: "header", Name: "Authorization", Description: "`Visitor <token>`, the token from the session call."},
				},
			},
			Tags: tags,
		},
		Formats: map[string]huma.Format{"application/json": exact, "json": exact}, DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
	})
}

// exact is JSON whose numbers stay as they were written where a field takes any
// value: rules and attributes are exact to more digits than a float64 keeps. What
// is only held to its schema needs floats.
var exact = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, into any) error {
	if _, tree := into.(*any); tree {
		return json.Unmarshal(data, into)
	}
	return rule.Decode(data, into)
}}

var tags = []*huma.Tag{
	{Name: "session", Description: "Signing in and out, and one's own settings"},
	{Name: "teammates", Description: "Who works here"},
	{Name: "accounts", Description: "Channel accounts"},
	{Name: "inbox", Description: "Conversations and messages"},
	{Name: "customers", Description: "Who writes, and what they did"},
	{Name: "stages", Description: "Where customers stand, and how they move on"},
	{Name: "segments", Description: "Who does what: people sorted by rules, exact at every instant"},
	{Name: "journeys", Description: "What moves people: graphs, who is on the way, and what became of it"},
	{Name: "tracking", Description: "Write keys, and what is done with them"},
	{Name: "tasks", Description: "What somebody has promised to do, and by when"},
	{Name: "sending", Description: "What holds marketing back: quiet hours and the cap"},
	{Name: "files", Description: "Attachments"},
	{Name: "tokens", Description: "Tokens of programs"},
	{Name: "visitors", Description: "The browser of a customer on a company's website"},
}

// names of types that would be too general outside their package.
var names = map[reflect.Type]string{
	reflect.TypeFor[webchat.Config]():     "WebchatConfig",
	reflect.TypeFor[channels.Words]():     "Bilingual",
	reflect.TypeFor[customers.Ref]():      "CustomerRef",
	reflect.TypeFor[fault.Field]():        "ProblemField",
	reflect.TypeFor[rule.Node]():          "Rule",
	reflect.TypeFor[rule.Filter]():        "RuleFilter",
	reflect.TypeFor[rule.Window]():        "RuleWindow",
	reflect.TypeFor[rule.Why]():           "RuleWhy",
	reflect.TypeFor[segments.Use]():       "SegmentUse",
	reflect.TypeFor[segments.Entry]():     "MembershipChange",
	reflect.TypeFor[segments.Member]():    "SegmentMember",
	reflect.TypeFor[segments.Preview]():   "SegmentPreview",
	reflect.TypeFor[segments.RowCount]():  "RuleRowCount",
	reflect.TypeFor[segments.Explained](): "RuleAnswer",
}

func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := names[t]; ok {
		return name
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// idSchema stands for ids.ID in schemas.
type idSchema struct{}

const idDescription = "an id"

// msgNotAnID is what huma says of a string that is none.
var msgNotAnID = fmt.Sprintf(validation.MsgExpectedBePattern, idDescription)

// Schema implements huma.SchemaProvider.
func (idSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^([1-9][0-9]{0,17}|[1-8][0-9]{18})$`, PatternDescription: idDescription, Examples: []any{"123456789012345678"}}
}

// complete says in the schemas what huma cannot.
func complete(registry huma.Registry) {
	for name := range registry.Map() {
		nullableObjects(registry, name)
	}
	typed(registry)
	for _, schema := range registry.Map() {
		everywhere(schema, nullableEnum)
		everywhere(schema, boundedInteger)
	}
}

// everywhere does something with a schema and with all that stand in it.
func everywhere(s *huma.Schema, do func(*huma.Schema)) {
	if s == nil {
		return
	}
	do(s)
	for _, p := range s.Properties {
		everywhere(p, do)
	}
	everywhere(s.Items, do)
	for _, p := range s.AnyOf {
		everywhere(p, do)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		everywhere(more, do)
	}
}

// maxInteger is the largest integer that every JSON reader keeps exactly.
const maxInteger = 1<<53 - 1

// boundedInteger names the bounds of an integer, so that one beyond them is
// refused by its field.
func boundedInteger(s *huma.Schema) {
	if s.Type != huma.TypeInteger {
		return
	}
	limit := float64(maxInteger)
	if s.Format == "int32" {
		limit = math.MaxInt32
	}
	if s.Maximum == nil && s.ExclusiveMaximum == nil {
		s.Maximum = &limit
	}
	if least := -limit; s.Minimum == nil && s.ExclusiveMinimum == nil {
		s.Minimum = &least
	}
	s.PrecomputeMessages()
}

// nullableEnum counts null among the values of what may be null: an enum admits
// nothing else, whatever the type says.
func nullableEnum(s *huma.Schema) {
	if s.Nullable && len(s.Enum) > 0 && !slices.Contains(s.Enum, nil) {
		s.Enum = append(slices.Clip(s.Enum), nil)
	}
}

// typed says what the domains keep as JSON of any shape.
func typed(registry huma.Registry) {
	registry.Schema(reflect.TypeFor[webchat.Config](), true, "") // stands in the document, although no call names it
	account := registry.Map()["Account"].Properties
	account["config"] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "By channel; web chat: WebchatConfig"}
	registry.Map()["Message"].Properties["payload"] = &huma.Schema{
		AnyOf:       []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}},
		Description: registry.Map()["Message"].Properties["payload"].Description,
	}
	registry.Map()["Event"].Properties["properties"] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// nullableObjects lets properties that hold a pointer to an object be null,
// which huma cannot say with a reference alone.
func nullableObjects(registry huma.Registry, name string) {
	t := registry.TypeFromRef(refs + name)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return
	}
	schema := registry.Map()[name]
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := schema.Properties[key]
		if property == nil || property.Ref == "" || f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit") {
			continue
		}
		schema.Properties[key] = &huma.Schema{
			AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: property.Description,
		}
	}
}
