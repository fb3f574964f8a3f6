package cybs

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Preview is a request as a client would send it, without the headers that sign it. It holds nothing secret.
type Preview struct {
	Method string
	Path   string
	Body   json.RawMessage
}

// PreviewCreateSubscription is the request of CreateSubscription, byte by byte.
func (c *Client) PreviewCreateSubscription(in SubscriptionInput) (Preview, error) {
	body, err := c.createBody(in)
	if err != nil {
		return Preview{}, fmt.Errorf("preview create subscription: %w", err)
	}
	return preview(http.MethodPost, c.subscriptionsPath(), body)
}

// PreviewUpdateSubscription is the request of UpdateSubscription, byte by byte.
func (c *Client) PreviewUpdateSubscription(webhookID string, patch SubscriptionPatch) (Preview, error) {
	path, err := c.subscriptionPath(webhookID)
	if err != nil {
		return Preview{}, fmt.Errorf("preview update subscription: %w", err)
	}
	body, err := c.patchBody(patch)
	if err != nil {
		return Preview{}, fmt.Errorf("preview update subscription %s: %w", webhookID, err)
	}
	return preview(http.MethodPatch, path, body)
}

// PreviewCreateSignatureKey is the request of CreateSignatureKey.
func (c *Client) PreviewCreateSignatureKey(organizationID string, opts KeyOptions) (Preview, error) {
	return preview(http.MethodPost, symmetricKeys, signatureKeyRequest(organizationID).with(opts))
}

// PreviewStoreOAuthCredentials is the request of StoreOAuthCredentials, with a word in place of the secret.
func (c *Client) PreviewStoreOAuthCredentials(organizationID, clientID string, opts KeyOptions) (Preview, error) {
	credentials := OAuthCredentials{ClientID: clientID, ClientSecret: Secret(redacted)}
	return preview(http.MethodPost, symmetricKeys, c.credentialsRequest(organizationID, credentials).with(opts))
}

// PreviewStoreMLECertificate is the request of StoreMLECertificate for a certificate that is described in a word because there is none yet.
func (c *Client) PreviewStoreMLECertificate(organizationID, certificate string, opts KeyOptions) (Preview, error) {
	return preview(http.MethodPost, asymmetricKeys, c.certificateRequest(organizationID, certificate).with(opts))
}

func preview(method, path string, body any) (Preview, error) {
	text, err := encodeJSON(body)
	if err != nil {
		return Preview{}, fmt.Errorf("preview %s %s: %w", method, path, err)
	}
	return Preview{Method: method, Path: path, Body: text}, nil
}
