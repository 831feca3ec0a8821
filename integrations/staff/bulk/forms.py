"""The forms of acts on many outlets."""

from typing import Any

from django import forms
from django.conf import settings

from integrations.models.bulk_job import Kind
from integrations.staff.base.forms import OVERLAPS, ActForm, DisableForm, EnableAgainForm


class UploadForm(ActForm):
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A larger one does not come as far as here.
        self.fields["file"].error_messages["required"] = f"Choose a CSV file of up to {settings.BULK_BYTES:,} bytes."

    def clean_file(self) -> Any:
        """Refuse by its size alone what need not be read."""
        file = self.cleaned_data["file"]
        if file.size > settings.BULK_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; {settings.BULK_BYTES:,} are allowed. Split it, and send the parts."
            )
        return file


class RotateManyForm(ActForm):
    overlap = forms.ChoiceField(
        label="How long the old secrets work on", choices=OVERLAPS, widget=forms.RadioSelect, initial="7d"
    )


CONFIRMING: dict[str, type[ActForm]] = {
    Kind.ENABLE: ActForm,
    Kind.DISABLE: DisableForm,
    Kind.REENABLE: EnableAgainForm,
    Kind.ROTATE: RotateManyForm,
}
