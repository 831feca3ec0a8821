"""The forms of acts on many outlets."""

from typing import Any

from django import forms
from django.conf import settings

from integrations.models.bulk_job import Kind
from integrations.staff.base.forms import ActForm, OptionalReasonForm, ReasonForm, overlap_field


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
    overlap = overlap_field("How long the old secrets stay valid", initial="7d")


CONFIRMING: dict[str, type[ActForm]] = {
    Kind.ENABLE: ActForm,
    Kind.DISABLE: ReasonForm,
    Kind.REENABLE: OptionalReasonForm,
    Kind.ROTATE: RotateManyForm,
}
