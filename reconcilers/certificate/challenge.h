/* What deciding on challenges (validation.c) and making them (challenge.c) share. */
#pragma once

#include "reconcilers/certificate/view.h"

bool challenge_is_file(const struct challenge_record *c); /* else a DNS record or a mail */
/* How the manifest says that the domain is proven; NULL: not any more. */
const struct name_validation *challenge_validation(const struct certificate_view *view, const char *domain);
/* What is made, where and through whom, as a person would say it. In the arena. */
const char *challenge_how(const struct certificate_view *view, const struct challenge_record *c, struct arena *arena);
/* The account that writes the record; NULL: a person or a file's, or it is not in the manifests. */
const struct resource *challenge_account(const struct certificate_view *view, const struct challenge_record *c);
const struct dns_account *challenge_account_settings(const struct certificate_view *view, const struct challenge_record *c);
/* The vendor wants another proof than the one that was made, which goes first. */
bool challenge_superseded(const struct challenge_record *c);
