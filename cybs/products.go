package cybs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Product is something an organization can be told about.
type Product struct {
	ID         string
	Name       string // empty where Cybersource gives none
	EventTypes []EventType
}

// EventType is one kind of event of a product.
type EventType struct {
	Name        string
	DisplayName string // empty where Cybersource gives none
	// Frequency and TimeSensitivity are passed on as they come; Cybersource does not say what they mean.
	Frequency       int
	TimeSensitivity bool
	// PayloadEncryption is whether this organization gets the event encrypted.
	PayloadEncryption bool
}

type wireProduct struct {
	ID         flexStr         `json:"productId"`
	Name       flexStr         `json:"productName"`
	EventTypes []wireEventType `json:"eventTypes"`
}

type wireEventType struct {
	Name              flexStr  `json:"eventName"`
	DisplayName       flexStr  `json:"displayName"`
	Frequency         flexInt  `json:"frequency"`
	TimeSensitivity   flexBool `json:"timeSensitivity"`
	PayloadEncryption flexBool `json:"payloadEncryption"`
}

// UnmarshalJSON also reads an event type that is nothing but its name.
func (t *wireEventType) UnmarshalJSON(b []byte) error {
	*t = wireEventType{Frequency: -1}
	if len(b) > 0 && b[0] == '"' {
		return t.Name.UnmarshalJSON(b)
	}
	type plain wireEventType
	return json.Unmarshal(b, (*plain)(t))
}

// ListProducts returns the products and event types for which the organization is enabled (GET
// /notification-subscriptions/v2/products/{organizationId}). A product may have no event types. Read are an array, an
// object with the array as products, and nothing at all, which is no products.
func (c *Client) ListProducts(ctx context.Context, organizationID string) ([]Product, error) {
	org, err := segment("organization id", organizationID)
	if err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	op := call{
		method: http.MethodGet, path: c.dialect.ProductsPrefix + subscriptionsRoot + string(c.version) + "/products/" + org,
		accept: acceptHAL, idempotent: true,
	}
	if c.version == APIVersion1 {
		op.accept = acceptJSON
	}
	answer, err := c.do(ctx, op)
	if err != nil {
		return nil, fmt.Errorf("list products of %s: %w", organizationID, err)
	}
	wire, err := decodeList[wireProduct]("products", answer)
	if err != nil {
		return nil, fmt.Errorf("list products of %s: %w", organizationID, err)
	}
	products := make([]Product, len(wire))
	for i, w := range wire {
		products[i] = w.product()
	}
	return products, nil
}

func (w wireProduct) product() Product {
	p := Product{ID: string(w.ID), Name: string(w.Name), EventTypes: make([]EventType, len(w.EventTypes))}
	for i, t := range w.EventTypes {
		p.EventTypes[i] = EventType{
			Name: string(t.Name), DisplayName: string(t.DisplayName), Frequency: int(t.Frequency),
			TimeSensitivity: bool(t.TimeSensitivity), PayloadEncryption: bool(t.PayloadEncryption),
		}
	}
	return p
}

// decodeList reads an array, an object that holds it under name, or an empty answer.
func decodeList[T any](name string, answer []byte) ([]T, error) {
	answer = bytes.TrimSpace(answer)
	if len(answer) == 0 {
		return nil, nil
	}
	if answer[0] == '{' {
		var wrapped map[string]json.RawMessage
		if err := decode(name, answer, &wrapped); err != nil {
			return nil, err
		}
		inner, ok := wrapped[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w: an object without that member", name, ErrMalformedResponse)
		}
		answer = inner
	}
	var list []T
	if err := decode(name, answer, &list); err != nil {
		return nil, err
	}
	return list, nil
}
