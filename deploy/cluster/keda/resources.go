//go:build tools

// Package keda names what the definitions are made of.
package keda

import _ "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
