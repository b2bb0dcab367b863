"""SkinTag: experiments on skin-lesion triage under domain shift and skin-tone bias."""
