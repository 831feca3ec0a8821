"""The forms of bulk actions."""

from typing import Any

from django import forms

from integrations.services.bulk.plan import BulkAction
from integrations.staff.base.forms import ActionForm, OptionalReasonForm, ReasonForm, overlap_field

# Enough for 1,000 rows of 500 bytes. The confirmation form contains these rows as a sealed value, which is longer than
# the file, but stays below Django's DATA_UPLOAD_MAX_MEMORY_SIZE.
MOST_BYTES = 512 * 1024


class UploadForm(ActionForm):
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django drops an upload above FILE_UPLOAD_MAX_MEMORY_SIZE. This form then gets no file, so its message for a
        # missing file states the limit.
        self.fields["file"].error_messages["required"] = f"Choose a CSV file of up to {MOST_BYTES:,} bytes."

    def clean_file(self) -> Any:
        """Refuse a file that is too large, without reading it."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; {MOST_BYTES:,} are allowed. "
                "Split the file, or run manage.py enable_outlets FILE on the server."
            )
        return file


class RotateManyForm(ActionForm):
    overlap = overlap_field("How long the old secrets stay valid", initial="7d")


CONFIRMING: dict[str, type[ActionForm]] = {
    BulkAction.ENABLE: ActionForm,
    BulkAction.DISABLE: ReasonForm,
    BulkAction.REENABLE: OptionalReasonForm,
    BulkAction.ROTATE: RotateManyForm,
}
