package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/segments/rule"
)

type newStage struct {
	Key    string     `json:"key" doc:"a-z, 0-9 and _; for good"`
	NameEN string     `json:"name_en"`
	NameZH string     `json:"name_zh"`
	Rule   *rule.Node `json:"rule,omitempty" doc:"Who comes to match it moves to the stage"`
}

type stagePatch struct {
	NameEN opt[string]   `json:"name_en,omitempty"`
	NameZH opt[string]   `json:"name_zh,omitempty"`
	Rule   clearableRule `json:"rule,omitempty" doc:"null takes it away"`
}

// clearableRule is a rule in a PATCH: absent stays, null takes it away.
type clearableRule struct {
	Set   bool
	Value *rule.Node
}

// UnmarshalJSON notes that the field was given.
func (c *clearableRule) UnmarshalJSON(b []byte) error {
	c.Set = true
	return rule.Decode(b, &c.Value)
}

// Schema implements huma.SchemaProvider.
func (clearableRule) Schema(r huma.Registry) *huma.Schema {
	s := *r.SchemaFromRef(r.Schema(reflect.TypeFor[rule.Node](), true, "").Ref) // anyOf would not say what is wrong within
	s.Nullable = true
	return &s
}

// ByStage is the input of calls about one stage.
type ByStage struct {
	Key string `path:"key"`
}

type stageOrder struct {
	Keys []string `json:"keys" doc:"Every stage once, in their new order"`
}

type movement struct {
	Cells []customers.StageMovement `json:"cells"`
}

type stageMove struct {
	Stage  string `json:"stage" doc:"The key of the stage; empty for none"`
	Reason string `json:"reason,omitempty"`
}

func (s *Server) addStages() {
	path := root + "/stages"
	add(s, operation{
		id: "listStages", method: http.MethodGet, path: path, tag: "stages", access: needs(auth.CustomersRead), summary: "The stages in their order, and how many stand in each",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[customers.Stage]], error) {
		return all(s.o.Customers.Stages(ctx))
	})
	add(s, operation{
		id: "createStage", method: http.MethodPost, path: path, tag: "stages", access: needs(auth.StagesManage), status: http.StatusCreated, summary: "Add a stage behind all others",
	}, func(ctx context.Context, in *struct {
		Body newStage `nameHint:"NewStage"`
	}) (*answer[*customers.Stage], error) {
		b := in.Body
		return answered(s.o.Customers.CreateStage(ctx, principal(ctx), customers.Stage{Key: b.Key, NameEN: b.NameEN, NameZH: b.NameZH, Rule: b.Rule}))
	})
	add(s, operation{
		id: "updateStage", method: http.MethodPatch, path: path + "/{key}", tag: "stages", access: needs(auth.StagesManage), errors: []int{http.StatusNotFound}, summary: "Rename a stage or change its rule",
	}, func(ctx context.Context, in *struct {
		ByStage
		Body stagePatch `nameHint:"StagePatch"`
	}) (*answer[*customers.Stage], error) {
		b := in.Body
		return answered(s.o.Customers.UpdateStage(ctx, principal(ctx), in.Key, customers.StagePatch{
			NameEN: b.NameEN.pointer(), NameZH: b.NameZH.pointer(), SetRule: b.Rule.Set, Rule: b.Rule.Value,
		}))
	})
	add(s, operation{
		id: "deleteStage", method: http.MethodDelete, path: path + "/{key}", tag: "stages", access: needs(auth.StagesManage), errors: []int{http.StatusNotFound, http.StatusConflict},
		summary: "Delete a stage", description: "One in which somebody stands stays: 409 stage_in_use. So do those of the program: 409 stage_built_in.",
	}, func(ctx context.Context, in *ByStage) (*nothing, error) {
		return nil, s.o.Customers.DeleteStage(ctx, principal(ctx), in.Key)
	})
	add(s, operation{
		id: "orderStages", method: http.MethodPut, path: path + "/order", tag: "stages", access: needs(auth.StagesManage), summary: "Put the stages into another order",
	}, func(ctx context.Context, in *struct {
		Body stageOrder `nameHint:"StageOrder"`
	}) (*answer[items[customers.Stage]], error) {
		return all(s.o.Customers.OrderStages(ctx, principal(ctx), in.Body.Keys))
	})
	add(s, operation{
		id: "getStageMovement", method: http.MethodGet, path: path + "/movement", tag: "stages", access: needs(auth.CustomersRead),
		summary: "How many moved from which stage to which", description: "Without from, the last thirty days. What merges did is not counted.",
	}, s.movement)
	s.addStanding()
}

// addStanding adds the calls about one customer's stage.
func (s *Server) addStanding() {
	path := root + "/customers/{id}"
	add(s, operation{
		id: "moveCustomer", method: http.MethodPut, path: path + "/stage", tag: "stages", access: needs(auth.CustomersWrite), summary: "Move a customer to a stage",
	}, func(ctx context.Context, in *struct {
		ByID
		Body stageMove `nameHint:"StageMove"`
	}) (*answer[*customers.Customer], error) {
		return answered(s.present(s.o.Customers.MoveStage(ctx, principal(ctx), in.ID.ID, in.Body.Stage, in.Body.Reason)))
	})
	add(s, operation{
		id: "listStageChanges", method: http.MethodGet, path: path + "/stage-changes", tag: "stages", access: needs(auth.CustomersRead), summary: "A customer's way through the stages, newest first",
	}, func(ctx context.Context, in *struct {
		ByID
		PageInput
	}) (*answer[Page[customers.StageChange]], error) {
		const kind = "stage_changes"
		at, err := decodeCursor[idPlace](kind, in.Cursor)
		if err != nil {
			return nil, err
		}
		c, err := s.o.Customers.Get(ctx, in.ID.ID)
		if err != nil {
			return nil, err
		}
		list, err := s.o.Customers.StageChanges(ctx, c.ID, at.ID, in.Limit+1)
		if err != nil {
			return nil, err
		}
		return counted(paged(list, in.Limit, kind, func(c customers.StageChange) idPlace { return idPlace{c.ID} }), in.PageInput,
			func() (int64, error) { return s.o.Customers.CountStageChanges(ctx, c.ID) })
	})
}

// defaultMovement is how far back the movement is counted when nobody says.
const defaultMovement = 30 * 24 * time.Hour

func (s *Server) movement(ctx context.Context, in *struct {
	From instantParam `query:"from" doc:"At or after this instant"`
	To   instantParam `query:"to" doc:"Before this instant; now when absent"`
}) (*answer[movement], error) {
	from, to := in.From.At, in.To.At
	if to.IsZero() {
		to = s.o.Clock.Now().Add(time.Millisecond)
	}
	if from.IsZero() {
		from = to.Add(-defaultMovement)
	}
	cells, err := s.o.Customers.Movement(ctx, from, to)
	if cells == nil {
		cells = []customers.StageMovement{}
	}
	return answered(movement{cells}, err)
}
