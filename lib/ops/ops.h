// All public ops in one include.
#pragma once

#include "ops/contract.h"
#include "ops/elementwise.h"
#include "ops/index.h"
#include "ops/linalg.h"
#include "ops/loop.h"
#include "ops/neural.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape.h"
