import KubernetesAPI

/// Questions about access, which are answered and not stored: who shows this token, who am I, may I (may they), what
/// may I.
extension ObjectService {
    func review(_ request: ObjectRequest) throws -> Outcome {
        let (value, warnings) = try decode(request)
        let answer: JSONValue
        switch request.resource.kind.kind {
        case "TokenReview": answer = try review(try TokenReview(json: value)).json
        case "SelfSubjectReview":
            var review = try SelfSubjectReview(json: value)
            review.metadata.creationTimestamp = Timestamp(seconds: now())
            review.status.userInfo = request.user.info
            answer = review.json
        case "SubjectAccessReview":
            var review = try SubjectAccessReview(json: value)
            review.status = try decide(review.spec, request)
            answer = review.json
        case "LocalSubjectAccessReview":
            var review = try LocalSubjectAccessReview(json: value)
            try Self.checkNamespace(&review.metadata, request)
            review.status = try decide(review.spec, request)
            answer = review.json
        case "SelfSubjectAccessReview":
            var review = try SelfSubjectAccessReview(json: value)
            var errors = FieldErrors()
            Self.check(review.spec.resourceAttributes, review.spec.nonResourceAttributes, into: &errors)
            try Self.refuse(errors, request)
            review.status = decide(
                review.spec.resourceAttributes, review.spec.nonResourceAttributes, for: request.user)
            answer = review.json
        case "SelfSubjectRulesReview":
            var review = try SelfSubjectRulesReview(json: value)
            review.status = try rules(review.spec.namespace, for: request.user)
            answer = review.json
        default: throw APIError.unknownPath
        }
        return Outcome(answer: .made(answer, code: 201), warnings: warnings)
    }

    // MARK: Tokens

    private func review(_ review: TokenReview) throws(APIError) -> TokenReview {
        guard !review.spec.token.isEmpty else {
            throw .badRequest("token is required for TokenReview in authentication")
        }
        var review = review
        review.status = TokenReviewStatus()
        do throws(TokenRefusal) {
            let wanted = review.spec.audiences.isEmpty ? nil : review.spec.audiences
            let identity = try access.tokens.authenticate(review.spec.token, for: wanted)
            review.status.authenticated = true
            review.status.user = identity.user.info
            review.status.audiences = identity.audiences
        } catch {
            review.status.error = "[invalid bearer token, \(error)]"
        }
        return review
    }

    // MARK: Access

    private func decide(
        _ spec: SubjectAccessReviewSpec, _ request: ObjectRequest
    ) throws(APIError) -> SubjectAccessReviewStatus {
        var errors = FieldErrors()
        Self.check(spec.resourceAttributes, spec.nonResourceAttributes, into: &errors)
        if spec.user.isEmpty, spec.groups.isEmpty {
            errors.invalid(FieldPath("spec.user"), spec.user, "at least one of user or group must be specified")
        }
        if request.resource.isNamespaced {
            if spec.nonResourceAttributes != nil {
                errors.invalid(
                    FieldPath("spec.nonResourceAttributes"), spec.nonResourceAttributes?.json ?? .null,
                    "disallowed on this kind of request")
            }
            if let namespace = spec.resourceAttributes?.namespace, namespace != request.namespace {
                errors.invalid(
                    FieldPath("spec.resourceAttributes.namespace"), namespace, "must match metadata.namespace")
            }
        }
        try Self.refuse(errors, request)
        let user = User(name: spec.user, uid: spec.uid, groups: spec.groups, extra: spec.extra)
        return decide(spec.resourceAttributes, spec.nonResourceAttributes, for: user)
    }

    private static func check(
        _ resource: ResourceAttributes?, _ path: NonResourceAttributes?, into errors: inout FieldErrors
    ) {
        if resource != nil, let path {
            errors.invalid(
                FieldPath("spec.nonResourceAttributes"), path,
                "cannot be specified in combination with resourceAttributes")
        }
        if resource == nil, path == nil {
            errors.invalid(
                FieldPath("spec.resourceAttributes"), JSONValue.null,
                "exactly one of nonResourceAttributes or resourceAttributes must be specified")
        }
    }

    private static func refuse(_ errors: FieldErrors, _ request: ObjectRequest) throws(APIError) {
        if let refusal = errors.refusal(of: request.resource.kind, name: "") { throw refusal }
    }

    private func decide(
        _ resource: ResourceAttributes?, _ path: NonResourceAttributes?, for user: User
    ) -> SubjectAccessReviewStatus {
        var status = SubjectAccessReviewStatus()
        guard let attributes = resource.map({ AccessAttributes($0) }) ?? path.map({ AccessAttributes($0) }) else {
            return status
        }
        let decision = access.authorizer.decide(attributes, for: user)
        status.allowed = decision.isAllowed
        status.reason = decision.reason
        return status
    }

    // MARK: Rules

    private func rules(_ namespace: String, for user: User) throws(APIError) -> SubjectRulesReviewStatus {
        guard !namespace.isEmpty else { throw .badRequest("no namespace on request") }
        let (rules, missing) = access.authorizer.policy.rules(for: user, in: namespace)
        var status = SubjectRulesReviewStatus()
        for rule in rules {
            if !rule.resources.isEmpty {
                var found = ResourceRule()
                found.verbs = rule.verbs
                found.apiGroups = rule.apiGroups
                found.resources = rule.resources
                found.resourceNames = rule.resourceNames
                status.resourceRules.append(found)
            }
            if !rule.nonResourceURLs.isEmpty {
                var found = NonResourceRule()
                found.verbs = rule.verbs
                found.nonResourceURLs = rule.nonResourceURLs
                status.nonResourceRules.append(found)
            }
        }
        if !missing.isEmpty {
            status.incomplete = true
            status.evaluationError = AccessDecision.problems(missing)
        }
        return status
    }
}
