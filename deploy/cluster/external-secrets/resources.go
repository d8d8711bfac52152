//go:build tools

// Package secrets names what the definitions are made of.
package secrets

import (
	_ "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	_ "github.com/external-secrets/external-secrets/apis/externalsecrets/v1beta1"
)
